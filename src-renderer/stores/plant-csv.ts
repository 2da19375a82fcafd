/**
 * Rows as CSV (RFC 4180, UTF-8 with a byte order mark, which spreadsheets need to see it). A text that a spreadsheet would
 * take for a formula gets an apostrophe in front (OWASP, CSV Injection).
 */
export function csvOf(rows: readonly (readonly string[])[]): string {
  return `\uFEFF${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

function cell(text: string): string {
  const harmless = /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
