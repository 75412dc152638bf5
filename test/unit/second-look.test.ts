import { rules } from '@secretlint/secretlint-rule-preset-recommend';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf, redactText } from '../../src/trust/redact.ts';
import { allowedRules, RULES } from '../../src/trust/rules.ts';
import { lookAgain, mayHoldToken, SECOND_RULES } from '../../src/trust/second-look.ts';

/** Tokens are written with a `~` in them, so that no scanner takes this file for a leak. */
const plain = (text: string): string => text.replaceAll('~', '');
const A60 = 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0iL3oR6uX9aD2gJ5mP8sV1yB4eH7kN0';
const long = (length: number): string => A60.repeat(Math.ceil(length / 60)).slice(0, length);
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const PEM = `-----BEGIN RSA PRIV~ATE KEY-----\nMIIE${long(600)}\n-----END RSA PRIV~ATE KEY-----`;
/** Such a token ends in what a closing brace alone becomes. */
const OPS = ['', ' ', '  ']
  .map((pad) => base64(JSON.stringify({ email: `a@b${pad}`, k: long(120) })))
  .find((text) => text.endsWith('fQ=='))!;

/** rule, text; the secret stands between « and ». */
const SAMPLES: [rule: string, text: string][] = [
  ['1password', `OP=«op~s_${OPS}»`],
  ['anthropic', `«sk-~ant-api03-${long(93)}AA»`],
  ['aws', `aws_secret~_access_key = «${long(40)}»`],
  ['aws', `SecretAccess~Key: "«${long(40)}»"`],
  ['aws', `'SECRET_ACCESS~_KEY' => '«${long(40)}»'`],
  ['basicauth', `https://deploy~er:«s3cr3tpa55»@build.internal.net/x`],
  ['database-connection-string', `mongodb+srv://app:«hunter22»@cluster0.abc.net/db?x=1`],
  ['database-connection-string', `jdbc:mysql://app:«hunter22»@db:3306/x`],
  ['database-connection-string', `postgresql://app:«hunter22»@db/x`],
  ['databricks', `«dap~i0123456789abcdefABCDEF0123456789-2»`],
  ['docker', `«dckr~_pat_${long(27)}»`],
  ['figma', `«fig~d_${long(43)}»`],
  ['github', `«gh~p_${long(36)}»`],
  ['github', `«github~_pat_${long(22)}_${long(59)}»`],
  ['gitlab', `«glp~at-${long(20)}»`],
  ['grafana', `«gl~c_${base64(JSON.stringify({ o: '1', k: long(40) }))}»`],
  ['grafana', `«gls~a_${long(32)}_0123abcd»`],
  ['groq', `«gs~k_${long(52)}»`],
  ['hashicorp-vault', `«hv~s.${long(95)}»`],
  ['hashicorp-vault', `«hv~b.${long(150)}»`],
  ['huggingface', `«h~f_abcdefghijklmnopqrstuvwxyzABCDEFGH»`],
  ['linear', `«lin~_api_${long(40)}»`],
  ['notion', `«nt~n_12345678901${long(35)}»`],
  ['npm', `«np~m_${long(36)}»`],
  ['npm', `https://«${long(12)}»:x-oauth-basic@github.com/o/r`],
  ['openai', `«sk-~proj-${long(74)}T3Blbk~FJ${long(74)}»`],
  ['openai', `«sk-~${long(20)}T3Blbk~FJ${long(20)}»`],
  ['privatekey', `«${PEM}»`],
  ['sendgrid', `«S~G.${long(22)}.${long(43)}»`],
  ['shopify', `«shp~at_${long(38)}»`],
  ['slack', `«xox~b-123456789012-${long(24)}»`],
  ['slack', `«xox~o-1-2-3-${long(24)}»`],
  ['slack', `https://«hooks.slack~.com/services/T0000/B0000/${long(24)}»`],
  ['vercel', `«vc~p_${long(24)}»`],
];
/** It looks at files by their names, which a text of ours has not: what it would find there is a private key. */
const BY_NAME = ['gcp'];

const bare = (text: string): string => plain(text).replace(/[«»]/gu, '');
const secretOf = (text: string): string => /«(.*)»/su.exec(plain(text))![1]!;

/** What the preset finds, without our own look before it. */
function preset(content: string): string[] {
  const found: string[] = [];
  const list = rules as unknown as {
    meta: { id: string };
    create(context: object, options: object): { file(source: object): unknown };
  }[];
  for (const rule of list) {
    const report = () => found.push(rule.meta.id.replace('@secretlint/secretlint-rule-', ''));
    const context = { createTranslator: () => () => ({}), report, ignore: () => undefined };
    rule.create(context, {}).file({ content, filePath: '', ext: '', contentType: 'text' });
  }
  return found;
}

describe("E6 secretlint's rules", () => {
  test('are all known by name, and each has a sample', () => {
    const list = rules as unknown as { meta: { id: string } }[];
    const ids = list.map(({ meta }) => meta.id.replace('@secretlint/secretlint-rule-', ''));
    const known = SECOND_RULES.map((name) => name.replace('secretlint-', ''));
    expect(ids.filter((id) => id !== 'filter-comments').toSorted()).toEqual([...known].toSorted());
    const sampled = new Set([...SAMPLES.map(([rule]) => rule), ...BY_NAME]);
    expect(known.filter((name) => !sampled.has(name))).toEqual([]);
  });

  test.each(SAMPLES)(
    '%s: %s is found by it, by the look before it, and by our own rules',
    async (rule, text) => {
      expect(preset(bare(text))).toContain(rule);
      expect(mayHoldToken(bare(text))).toBe(true);
      const found = await lookAgain(['nothing', bare(text)]);
      expect(found.map((one) => one.rule)).toContain(`secretlint-${rule}`);
      for (const { secret } of found) expect(bare(text)).toContain(secret);
      const own = viewOf(redactText(bare(text)).text);
      expect(own).not.toContain(secretOf(text));
      // What ours have taken out is not found again.
      expect(await lookAgain([own])).toEqual([]);
    },
  );

  test('whatever they find, the look before it has not ruled out', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9]{1,70}$/u);
    const piece = fc.constantFrom(
      ...SAMPLES.map(([, text]) => bare(text)),
      ...SAMPLES.map(([, text]) => secretOf(text).slice(0, 12)),
      ...SAMPLES.map(([, text]) => secretOf(text).slice(6)),
      ...['://', ':', '@', '_', '-', '.', ' ', '\n', '=', 'é', 'mysql', 'https', 'secretAccessKey', '.com'],
    );
    const text = fc.array(fc.oneof(piece, piece, word), { maxLength: 6 }).map((list) => list.join(''));
    fc.assert(
      fc.property(text, (content) => {
        if (preset(content).length > 0) expect(mayHoldToken(content)).toBe(true);
      }),
      { numRuns: 4000 },
    );
  });

  test('E7 a comment in the data turns none of them off', async () => {
    const text = bare(SAMPLES.find(([rule]) => rule === 'vercel')![1]);
    for (const comment of ['secretlint-disable', 'secretlint-disable-line', '<!-- secretlint-disable -->']) {
      expect(await lookAgain([`${comment}\n${text} # ${comment}\n${comment}`])).toHaveLength(1);
    }
    expect(redactText(`secretlint-disable\n${text}`).findings).toHaveLength(1);
  });

  test('E7 a marker that stands in the data hides nothing behind it', () => {
    for (const text of [
      'PASSWORD=[redacted:assignment]hunter22',
      'https://a:[redacted:url-password]hunter22@host/',
      '//registry/:_authToken=[redacted:x]hunter22',
      'machine h login me password [redacted:x]hunter22',
    ]) {
      expect(viewOf(redactText(text).text)).not.toContain('hunter22');
    }
  });

  test('what another detector names is taken out wherever it stands, unless its rule is left alone', () => {
    const known = [{ rule: 'secretlint-vercel', secret: 'abcdefgh' }];
    expect(redactText('x abcdefgh, abcdefgh', { known }).text).toBe(
      'x [redacted:secretlint-vercel], [redacted:secretlint-vercel]',
    );
    expect(redactText('x abcdefgh', { known, allow: new Set(['secretlint-vercel']) }).text).toBe(
      'x abcdefgh',
    );
  });

  test('ordinary texts are not worth loading them', () => {
    for (const text of [
      'npm test',
      '~/src $ git push origin main',
      'https://x/y?z=1',
      'user@host:~/x',
      '/usr/bin',
    ])
      expect(mayHoldToken(text)).toBe(false);
  });
});

test.each([
  ...[
    'S~G.a.',
    `S~G.${'a'.repeat(300)}.`,
    'https://a:',
    'https://a:b@',
    'mysql://a:',
    'mongodb://a:b',
    'xox~b-',
    'xox~b-a-',
  ],
  ...[
    '-----BEGIN PRIV~ATE KEY-----\n',
    'sk-~ant-api03-',
    'gl~c_',
    'op~s_ey',
    'secret_access_key ',
    'secret_access_key=',
    '_authToken=',
  ],
  ...['-----BEGIN PRIV~ATE KEY-----\nMII', 'http://', 'gh~p_', 'hv~s.', '[redacted:', '[redacted:a]'],
])('H1 a megabyte of %j takes secretlint no longer than it must', async (part) => {
  const text = plain(part).repeat(Math.ceil(1e6 / part.length));
  const start = process.cpuUsage();
  await lookAgain([text, 'T3BlbkFJ']);
  await lookAgain([`${text} T3BlbkFJ`]);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(8000);
});

describe('--allow-secret', () => {
  test('takes rules, several in one word too, and no word that is none', () => {
    expect(allowedRules(['jwt,github-token', 'cookie'])).toEqual(new Set(['jwt', 'github-token', 'cookie']));
    expect(() => allowedRules(['jwtt'])).toThrow("there is no rule 'jwtt'");
    expect(RULES).toEqual(
      expect.arrayContaining(['assignment', 'private-key', 'mysql-password', ...SECOND_RULES]),
    );
    expect(new Set(RULES).size).toBe(RULES.length);
  });

  test('leaves that rule alone and no other', () => {
    const text = plain(`gh~p_${A60} and Cookie: a=b1`);
    expect(redactText(text, { allow: new Set(['github-token']) })).toEqual({
      text: plain(`gh~p_${A60} and Cookie: [redacted:cookie]`),
      findings: [{ rule: 'cookie' }],
    });
  });
});
