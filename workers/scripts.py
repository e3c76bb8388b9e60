"""What Redis does in one step, so that whoever is killed leaves it done or not begun."""

from workers.admission_scripts import CHARGE

END = f"""{CHARGE}
local ending, events, inboxes, deadlines, owner = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local admitted = {{runs = KEYS[6], till = KEYS[7], held = KEYS[8], drained = KEYS[9]}}
local webhook, webhooks = KEYS[10], KEYS[11]
local record, ttl_s, run_id = ARGV[1], ARGV[2], ARGV[3]
local event, endpoint, numbers = ARGV[10], ARGV[11], ARGV[12]
local bill = {{
  now = tonumber(ARGV[4]), day = ARGV[5], tokens = tonumber(ARGV[6]), usd = ARGV[7],
  spent = ARGV[8], pace = ARGV[9],
}}
if not redis.call('SET', ending, record, 'NX', 'EX', ttl_s) then
  return 0
end
charge(admitted, redis.call('GET', owner), run_id, bill)
for at = 13, #ARGV, 2 do
  redis.call('HINCRBYFLOAT', numbers, ARGV[at], ARGV[at + 1])
end
if event ~= '' then
  redis.call('HSET', webhook, 'event', event, 'endpoint', endpoint)
  redis.call('EXPIRE', webhook, 2 * ttl_s)
  redis.call('ZADD', webhooks, bill.now, run_id)
end
redis.call('XADD', events, '*', 'type', 'end', 'data', '{{}}')
redis.call('ZREM', deadlines, run_id)
redis.call('EXPIRE', owner, 2 * ttl_s)
redis.call('EXPIRE', events, ttl_s)
redis.call('EXPIRE', inboxes, ttl_s)
for part = 12, #KEYS do
  redis.call('EXPIRE', KEYS[part], ttl_s)
end
for _, inbox in ipairs(redis.call('SMEMBERS', inboxes)) do
  redis.call('RPUSH', inbox, run_id)
  redis.call('EXPIRE', inbox, ttl_s)
end
return 1
"""

KEEP = """
local run, texts, confidences, events = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local index, trace, text, numbers = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HEXISTS', run, 'submission') == 0 then
  return 0
end
if redis.call('HSETNX', run, 'trace:' .. index, trace) == 0 then
  return 0
end
local ending, owner, spent, day = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
if redis.call('EXISTS', ending) == 1 then
  local of = redis.call('GET', owner)
  if of and of ~= '' then
    redis.call('HINCRBY', spent .. ':' .. of .. ':' .. day, 'tokens', ARGV[9])
    redis.call('HINCRBYFLOAT', spent .. ':' .. of .. ':' .. day, 'usd', ARGV[10])
    redis.call('EXPIRE', spent .. ':' .. of .. ':' .. day, 259200)
  end
end
redis.call('HSET', texts, index, text)
if numbers ~= '' then
  redis.call('HSET', confidences, index, numbers)
end
redis.call('XADD', events, '*', 'type', 'trace', 'data', trace)
local left_s = redis.call('TTL', run)
for _, key in ipairs(KEYS) do
  if redis.call('TTL', key) < 0 then
    redis.call('EXPIRE', key, left_s)
  end
end
return 1
"""

SAY = """
local run, channel = KEYS[1], KEYS[2]
local field, value, word = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HEXISTS', run, 'ticket') == 0 or redis.call('HSETNX', run, field, value) == 0 then
  return 0
end
redis.call('PUBLISH', channel, word)
return 1
"""
