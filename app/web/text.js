/**
 * Positions in a document count Unicode code points, as Python does; JavaScript strings
 * count UTF-16 units, in which a character beyond the basic plane takes two.
 */

/** The index in UTF-16 units of the code point number `target`. */
export function unitIndex(text, target) {
  let units = 0;
  for (let seen = 0; seen < target && units < text.length; seen += 1) {
    units += text.codePointAt(units) > 0xffff ? 2 : 1;
  }
  return units;
}

/** The text before, at and after the code points [start, end). */
export function cut(text, start, end) {
  const from = unitIndex(text, start);
  const to = from + unitIndex(text.slice(from), end - start);
  return [text.slice(0, from), text.slice(from, to), text.slice(to)];
}

/** The parts of an answer: strings, and numbers for the marks of its citations. */
export function splitMarks(text, marks) {
  return text
    .split(/(\[\d+\])/)
    .filter(Boolean)
    .map((part) => {
      const number = /^\[(\d+)\]$/.exec(part)?.[1];
      return number && marks.has(Number(number)) ? Number(number) : part;
    });
}
