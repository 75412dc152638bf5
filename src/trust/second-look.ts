import type { KnownSecret } from './redact.ts';

/**
 * secretlint's rules, for what ours don't know. They are run here and not by its core: that would bring the filter
 * by which a comment in the data turns rules off (attacks.md E7), and compares all findings with each other. Their
 * ranges are not used (those for npm and AWS begin in the wrong place), but the texts that they name.
 */
interface Rule {
  meta: { id: string };
  create(context: RuleContext, options: object): { file(source: object): unknown };
}

interface RuleContext {
  createTranslator(messages: unknown): (id: string, named: Record<string, string>) => Named;
  report(found: { message: Named }): void;
  ignore(): void;
}

interface Named {
  named: Record<string, string>;
}

const PREFIX = '@secretlint/secretlint-rule-';
/** What turns others off. */
const FILTER = `${PREFIX}filter-comments`;

const NAMES = `
  1password anthropic aws basicauth database-connection-string databricks docker figma gcp github gitlab grafana groq
  hashicorp-vault huggingface linear notion npm openai privatekey sendgrid shopify slack vercel
`;
export const SECOND_RULES: readonly string[] = NAMES.trim()
  .split(/\s+/u)
  .map((name) => `secretlint-${name}`);

/** What each of those rules needs to find anything. Loading them costs 12 ms, and nearly no text has any of it. */
const MAYBE =
  /-----BEGIN|:\/\/[^\s:/]{1,256}:[^\s/]{1,256}@|x-oauth-basic@|gh[pousr]_\w{36}|github_pat_\w{80}|npm_\w{36}|glpat-[\w-]{20}|glc_[\w+/]{32}|glsa_\w{32}|xox[bpaor]-\w|xapp-\w|SG\.\w|shp(?:pa|ca|at|ss)_\w{32}|sk-(?:proj|svcacct|admin)-[\w-]{58}|T3BlbkFJ|sk-ant-api0|gsk_\w{52}|hf_\w{34}|lin_api_\w{32}|ntn_\d{11}|ops_ey|hv[sbr]\.[\w-]{90}|vc[piark]_\w{20}|dapi[A-Fa-f0-9]{32}|dckr_pat_|figd_[\w-]{40}|[Ss](?:ECRET|ecret)_?(?:ACCESS|access|Access)_?(?:KEY|key|Key)|private_key_id/u;
/** Of this one, letters may be large or small; for all of them that would take ten times as long. */
const WEBHOOK = /hooks\.slack\.com\/services/iu;
/** What has taken a secret's place must not be taken for one. */
const MARKER = /\[redacted:[a-z0-9-]{1,64}\]/gu;
/** No rule finds anything across it. */
const BORDER = '\n\0\n';

/** False where secretlint would find nothing. Pure and quick: it is asked for every text that is saved. */
export function mayHoldToken(text: string): boolean {
  return MAYBE.test(text) || WEBHOOK.test(text);
}

/** What secretlint's rules find in texts out of which ours have taken theirs. */
export async function lookAgain(texts: Iterable<string>): Promise<KnownSecret[]> {
  const suspicious = Array.from(texts, (text) => text.replace(MARKER, blank)).filter(mayHoldToken);
  if (suspicious.length === 0) return [];
  const { rules } = (await import('@secretlint/secretlint-rule-preset-recommend')) as unknown as {
    rules: readonly Rule[];
  };
  const content = suspicious.join(BORDER);
  const found = new Map<string, KnownSecret>();
  for (const detector of rules) {
    if (detector.meta.id === FILTER) continue;
    const rule = `secretlint-${detector.meta.id.slice(PREFIX.length)}`;
    const context: RuleContext = {
      createTranslator: () => (_, named) => ({ named }),
      report: ({ message }) => {
        const secret = longest(message.named);
        if (secret.length >= MIN_LENGTH) found.set(secret, { rule, secret });
      },
      ignore: () => undefined,
    };
    detector.create(context, {}).file({ content, filePath: '', ext: '', contentType: 'text' });
  }
  return [...found.values()];
}

function blank(marker: string): string {
  return ' '.repeat(marker.length);
}

/** Shorter ones would be cut out of words. */
const MIN_LENGTH = 8;

/** A rule names what it has found, and of some the kind. */
function longest(named: Record<string, string>): string {
  const texts = Object.entries(named).flatMap(([key, text]) => (key === 'typeName' ? [] : [text]));
  return texts.reduce((a, b) => (b.length > a.length ? b : a), '');
}
