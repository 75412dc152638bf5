import { expect, test } from 'vitest';
import { redactArgv, redactCommand, redactText, redactUrl, viewOf } from '../../src/trust/redact.ts';
import { lookAgain } from '../../src/trust/second-look.ts';
import { harmless, secrets } from '../support/samples.ts';

test('E6 sixty secrets, in a text, on a command line and in an argument vector', () => {
  const all = secrets('unit');
  expect(all).toHaveLength(60);
  expect(new Set(all.map(({ secret }) => secret)).size).toBe(60);
  for (const { text, secret, argv } of all) {
    expect(`${text} ${argv.join(' ')}`).toContain(secret);
    expect(viewOf(redactText(text).text)).not.toContain(secret);
    expect(viewOf(redactText(`before\n${text}\nafter`).text)).not.toContain(secret);
    expect(viewOf(redactCommand(argv.join(' ')).text)).not.toContain(secret);
    expect(JSON.stringify(redactArgv(argv))).not.toContain(secret);
    expect(
      JSON.stringify(redactArgv(['/usr/bin/python3', `/usr/bin/${argv[0]}`, ...argv.slice(1)])),
    ).not.toContain(secret);
  }
});

test('E6 two hundred harmless samples stay as they are, byte for byte', async () => {
  const all = harmless();
  expect(new Set(all).size).toBeGreaterThanOrEqual(200);
  for (const text of all) {
    expect(redactText(text)).toEqual({ text, findings: [] });
    expect(redactArgv(['tool', text])).toEqual({ argv: ['tool', text], findings: [] });
    const words = text.replace(/^\$ /u, '').split(' ');
    if (text.startsWith('$ ') && !text.includes("'")) {
      expect(redactArgv(words)).toEqual({ argv: words, findings: [] });
      expect(redactCommand(words.join(' '))).toEqual({ text: words.join(' '), findings: [] });
    }
    if (text.includes('://') && !text.includes('user@')) expect(redactUrl(text)).toBe(text);
  }
  expect(redactText(all.join('\n'))).toEqual({ text: all.join('\n'), findings: [] });
  expect(await lookAgain(all)).toEqual([]);
});
