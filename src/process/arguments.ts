import { type Text, toText } from '../session/text.ts';
import { parseCmdline, readProc } from './procfs.ts';

/**
 * The last words of our own command line as they were given: node makes U+FFFD of what is no UTF-8. Where the system
 * does not tell them, that stays.
 */
export function exactArguments(words: readonly string[]): Text[] {
  const plain = words.map((word) => toText(Buffer.from(word)));
  if (process.platform !== 'linux' || !words.some((word) => word.includes('\uFFFD'))) return plain;
  const bytes = readProc('/proc/self/cmdline');
  const own = bytes === null ? [] : parseCmdline(bytes).slice(-words.length);
  return own.length === words.length ? own : plain;
}
