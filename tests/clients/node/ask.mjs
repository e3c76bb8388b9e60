// What a Node application does with the official SDK; prints what it saw as one line of JSON.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0 });
const question = { model: "m", messages: [{ role: "user", content: "What is 6*7?" }] };

async function create() {
  const { data, request_id } = await client.chat.completions.create({ ...question, tts_budget: 3 }).withResponse();
  return { ...data, request_id };
}

async function stream() {
  const chunks = [];
  const asked = { ...question, stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create(asked)) chunks.push(chunk);
  return chunks;
}

async function accumulate() {
  return client.chat.completions.stream(question).finalChatCompletion();
}

async function fail(request) {
  try {
    return await client.chat.completions.create({ ...question, ...request });
  } catch (error) {
    const { status, code, param, type, requestID } = error;
    return { name: error.constructor.name, status, code, param, type, requestID };
  }
}

async function models() {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  return { names, retrieved: await client.models.retrieve("m@deepconf") };
}

console.log(
  JSON.stringify({
    created: await create(),
    chunks: await stream(),
    accumulated: await accumulate(),
    refused: await fail({ temperature: 3 }),
    missing: await fail({ model: "gpt-17" }),
    misspelt: await fail({ tts_bugdet: 3 }),
    ...(await models()),
  }),
);
