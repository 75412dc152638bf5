/** Records as RFC 4180 has them: fields in quotes where they need it, each record ended by CR LF. */
export function csv(records: readonly (readonly string[])[]): string {
  return records.map((fields) => `${fields.map(field).join(',')}\r\n`).join('');
}

function field(text: string): string {
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
