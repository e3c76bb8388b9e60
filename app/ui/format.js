// Numbers, times and sizes as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const NONE = "–";

const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

export const count = (value) => (known(value) ? whole.format(value) : NONE);

export const short = (value) => (known(value) ? compact.format(value) : NONE);

export const nats = (value) => (known(value) ? value.toFixed(2) : NONE);

export const percent = (share) => (known(share) ? `${Math.round(share * 100)} %` : NONE);

export const usd = (value) => (known(value) ? `$${value.toFixed(value < 0.01 ? 5 : 3)}` : NONE);

/** Seconds: 340 ms, 7.5 s, 2 min 05 s. */
export function seconds(value) {
  if (!known(value)) return NONE;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 99.95) return `${value.toFixed(1)} s`;
  return `${Math.floor(value / 60)} min ${String(Math.floor(value % 60)).padStart(2, "0")} s`;
}

/** A moment (seconds since the epoch): the time today, else the day too. */
export function moment(epoch_s) {
  if (!known(epoch_s)) return NONE;
  const at = new Date(epoch_s * 1000);
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString("sv-SE", today ? { timeStyle: "medium" } : { dateStyle: "short", timeStyle: "short" });
}

/** At most so many characters, cut with an ellipsis. */
export function cut(text, most = 80) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
