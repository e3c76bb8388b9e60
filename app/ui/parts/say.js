// A word for those who listen instead of looking.

/** Have screen readers say a text. */
export function say(text) {
  document.getElementById("said").textContent = text;
}
