const NAMED = new Set(
  [
    ...['Enter', 'Escape', 'Tab', 'BTab', 'Space', 'BSpace', 'Up', 'Down', 'Left', 'Right', 'Home', 'End'],
    ...['IC', 'Insert', 'DC', 'Delete', 'NPage', 'PageDown', 'PgDn', 'PPage', 'PageUp', 'PgUp'],
    ...Array.from({ length: 12 }, (_, i) => `F${i + 1}`),
    ...['KP/', 'KP*', 'KP-', 'KP+', 'KP.', 'KPEnter', ...Array.from({ length: 10 }, (_, i) => `KP${i}`)],
  ].map((name) => name.toLowerCase()),
);

/** Whether tmux takes the word for a key: `C-c`, `M-Enter`, `F5`, `x`. It would type any other word as it is. */
export function isKeyName(word: string): boolean {
  const key = word.replace(/^(?:[CMScms]-)+(?=.)/u, '');
  if (/^\^[@-_a-z?]$/u.test(key)) return true;
  return NAMED.has(key.toLowerCase()) || /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(key);
}
