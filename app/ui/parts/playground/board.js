// The state of a run out of its events. The leader board is a first picture, as the service's own progress
// is: each trace weighs its mean confidence, whatever the strategy will do.

export class Board {
  planned = 0;
  ended = 0;
  failed = 0;
  stopped = 0;
  tokens = 0;
  threshold = null;
  #classes = new Map();

  /** Take in an event of the job. */
  told({ type, data }) {
    if (type === "round") this.planned += data.traces;
    else if (type === "threshold") this.threshold = data.stop_below;
    else if (type === "trace" && !data.judge) this.#trace(data);
  }

  #trace({ answer, confidence, finish_reason, tokens }) {
    this.ended += 1;
    this.planned = Math.max(this.planned, this.ended);
    this.tokens += tokens ?? 0;
    if (finish_reason === "failed") this.failed += 1;
    if (finish_reason === "stopped") this.stopped += 1;
    if (answer === null || ["failed", "stopped"].includes(finish_reason)) return;
    const one = this.#classes.get(answer) ?? { answer, votes: 0, weight: 0, spellings: [answer] };
    one.votes += 1;
    one.weight += confidence?.mean ?? 1;
    this.#classes.set(answer, one);
  }

  /** The answers, the leader first, each with its share of the weight. */
  standing() {
    const all = [...this.#classes.values()].sort((a, b) => b.weight - a.weight);
    const total = all.reduce((sum, one) => sum + one.weight, 0);
    return all.map((one) => ({ ...one, share: one.weight / total }));
  }
}
