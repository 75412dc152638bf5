/**
 * Secrets that can be told by what they look like: tokens with a prefix of their issuer, key blocks,
 * passwords in URLs, headers and assignments. Rule names are stable, they are stored in snapshots.
 *
 * Everything here runs over foreign text of megabytes, so each expression is linear: it starts at a literal
 * or behind a lookbehind, and what it scans is bounded or can't be scanned again. Nothing in the text itself
 * turns a rule off (attacks.md E7).
 */
export interface SecretRange {
  start: number;
  end: number;
  rule: string;
}

/** A token is taken with all its characters, so that no tail stays readable. */
const TOKENS: readonly (readonly [rule: string, source: string])[] = [
  ['github-token', String.raw`gh[pousr]_[A-Za-z0-9]{20,}`],
  ['github-token', String.raw`github_pat_[A-Za-z0-9_]{20,}`],
  ['gitlab-token', String.raw`gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|oas|imt|feat)-[\w.-]{16,}`],
  ['slack-token', String.raw`xox[abceoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}`],
  ['webhook-url', String.raw`hooks\.slack\.com/(?:services|workflows)/[\w/-]{20,}`],
  ['webhook-url', String.raw`discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}`],
  ['anthropic-key', String.raw`sk-ant-[\w-]{20,}`],
  ['openai-key', String.raw`sk-(?:proj|svcacct|admin|or-v1|lf)-[\w-]{20,}`],
  ['openai-key', String.raw`sk-(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}`],
  ['stripe-key', String.raw`[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{20,}=*`],
  [
    'aws-secret-key',
    String.raw`(?<=[Ss](?:ECRET|ecret)_?(?:ACCESS|access|Access)_?(?:KEY|key|Key)["']?[ \t]{0,4}(?:=>|[:=])[ \t]{0,4}["']?)[A-Za-z0-9/+=]{40}(?![A-Za-z0-9/+=])`,
  ],
  ['aws-access-key', String.raw`A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])`],
  ['google-key', String.raw`AIza[\w-]{35}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}`],
  ['npm-token', String.raw`npm_[A-Za-z0-9]{30,}`],
  ['huggingface-token', String.raw`(?:hf|api_org)_[A-Za-z0-9]{30,}`],
  ['pypi-token', String.raw`pypi-[\w-]{50,}`],
  ['rubygems-token', String.raw`rubygems_[a-f0-9]{40,}`],
  ['docker-token', String.raw`dckr_[po]at_[\w-]{20,}`],
  ['sendgrid-key', String.raw`SG\.[\w-]{16,}\.[\w-]{16,}`],
  ['twilio-key', String.raw`SK[0-9a-f]{32}(?![A-Za-z0-9])`],
  ['mailgun-key', String.raw`key-[0-9a-f]{32}(?![A-Za-z0-9])`],
  ['telegram-token', String.raw`\d{8,10}:AA[\w-]{33}`],
  ['shopify-token', String.raw`shp(?:at|ca|pa|ss)_[A-Za-z0-9]{32,}`],
  ['digitalocean-token', String.raw`do[opr]_v1_[a-f0-9]{40,}`],
  ['linear-key', String.raw`lin_(?:api|oauth)_[A-Za-z0-9]{30,}`],
  ['notion-token', String.raw`ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}`],
  ['databricks-token', String.raw`dapi[0-9a-fA-F]{32}`],
  ['vault-token', String.raw`hv[bsr]\.[\w-]{20,}`],
  ['terraform-token', String.raw`[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}`],
  ['age-secret-key', String.raw`AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{40,}`],
  ['grafana-token', String.raw`gl(?:c|sa)_[\w=+/-]{20,}`],
  ['newrelic-key', String.raw`NRAK-[A-Z0-9]{27}`],
  ['atlassian-token', String.raw`AT(?:ATT|CTT|BB)[A-Za-z0-9][\w=-]{20,}`],
  ['square-token', String.raw`sq0(?:atp|csp|idp)-[\w-]{22,}|EAAA[\w-]{60}`],
  ['planetscale-token', String.raw`pscale_(?:tkn|pw|oauth)_[\w.-]{20,}`],
  ['fly-token', String.raw`fm[12]_[A-Za-z0-9+/=_-]{40,}|fo1_[\w-]{30,}`],
  ['doppler-token', String.raw`dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._]{30,}`],
  ['supabase-token', String.raw`sb[ps]_[a-f0-9]{40}|sb_secret_[\w-]{20,}`],
  ['ai-key', String.raw`(?:gsk_|pplx-|xai-|r8_|nvapi-|tgp_v1_)(?=[A-Za-z_-]*\d)[\w-]{30,}`],
  ['vercel-token', String.raw`vc[piark]_[A-Za-z0-9]{20,}`],
  ['figma-token', String.raw`figd_[\w-]{20,}`],
  ['onepassword-token', String.raw`ops_ey[A-Za-z0-9+/_-]{40,}=*`],
  ['url-token', String.raw`(?<=:\/\/)[^\s:/@]{1,256}(?=:x-oauth-basic@)`],
  ['tailscale-key', String.raw`tskey-[a-z]+-[\w-]{10,}`],
  ['artifactory-key', String.raw`AKCp[A-Za-z0-9]{60,}`],
  ['azure-key', String.raw`(?<=AccountKey=|SharedAccessKey=)[A-Za-z0-9+/]{40,}=*`],
  ['signed-url', String.raw`(?<=[?&](?:sig|X-Amz-Signature|X-Goog-Signature)=)[A-Za-z0-9%+/_-]{20,}=*`],
  ['jwt', String.raw`eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){1,3}`],
  ['bearer-token', String.raw`(?<=[Bb]earer[ \t])(?=[A-Za-z._~+/-]*\d)[\w.~+/-]{8,}=*`],
];
const TOKEN = new RegExp(
  `(?<![A-Za-z0-9])(?:${TOKENS.map(([, source], i) => `(?<r${i}>${source})`).join('|')})`,
  'gu',
);

/** Those that can be nothing else are taken also where a word runs into them. */
const GLUED =
  /(?<=[A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}|npm_[A-Za-z0-9]{36,}|sk-ant-[\w-]{40,})/gu;
const GLUED_RULES: readonly (readonly [start: string, rule: string])[] = [
  ['g', 'github-token'],
  ['npm', 'npm-token'],
  ['sk', 'anthropic-key'],
];

const USER_IN_URL = /(?<=[a-z0-9+.-]:\/\/)(?=[A-Za-z_-]*\d)[\w-]{20,256}(?=[:@])/giu;
/** What stands in a secret's place is none. Only where nothing follows it: else it would hide what does (E7). */
const MARKER = String.raw`\[redacted:[a-z0-9-]{1,64}\]`;

/** What follows the colon is no port, so it is a password, also where it holds '/' or '@'. */
const PASSWORD_IN_URL = new RegExp(
  String.raw`(?<=[a-z0-9+.-]:\/\/[^\s:/'"@[]{0,256}:)(?!\d{1,5}(?:[/?#\s'"]|$))(?!${MARKER}@)[^\s'"@]{1,256}(?:@[^\s'"@/]{0,64}){0,3}(?=@)`,
  'giu',
);

const HEADER =
  /(?<![\w-])((?:proxy-)?authorization|(?:x-)?api-key|x-(?:auth|access|vault|github|gitlab|amz-security)-token|private-token|job-token|deploy-token)(["']?[ \t]?[:=][ \t]{0,4}["']?)((?:basic|bearer|token|digest|negotiate|ntlm|apikey|bot|key)[ \t]+)?([^\s"',]{1,8192})/giu;
const COOKIE = new RegExp(
  String.raw`(?<=(?<![\w-])(?:set-)?cookie:[ \t]{0,4})(?!${MARKER}(?:["'\s]|$))[^\s"'=;]{1,256}=[^\n"']{1,8192}`,
  'giu',
);
const ASSIGNMENT = /(?<![A-Za-z0-9_.$-])(["']?)(?:--?)?([A-Za-z_][\w.-]{0,63})\1(=|:[ \t]{1,4}|:(?=["']))/gu;
const ASSIGNED = /"[^"\n]{0,4096}"|'[^'\n]{0,4096}'|[^\s"';&|<>()]{1,4096}/uy;
const NPMRC = new RegExp(
  String.raw`(?<=:_(?:authToken|password|auth)[ \t]?=[ \t]?)(?!${MARKER}(?:["'\s]|$))[^\s"'$][^\s"']{3,8192}`,
  'gu',
);
const NETRC = new RegExp(
  String.raw`(?<=(?:machine[ \t]{1,8}\S{1,256}|default)[ \t]{1,8}login[ \t]{1,8}\S{1,256}[ \t]{1,8}password[ \t]{1,8})(?!${MARKER}(?:\s|$))\S{1,256}`,
  'gu',
);
const REDACTED = new RegExp(`^["']?${MARKER}[^A-Za-z0-9]*$`, 'u');

const SECRET_NAME =
  /(?:password|passwd|passphrase|passwort|token|secret|api[_-]?key|(?:access|secret|private|signing|encryption|master|auth|account|admin|deploy|service|license)[_-]?key|credentials?|_auth|x-amz-(?:signature|credential))\d*$/iu;
const SHORT_SECRET_NAME = /(?:^|[_-])(?:pass|pwd|pw)\d*$/iu;

/** Whether a variable, key or flag of that name holds a secret as its value. */
export function namesSecret(name: string): boolean {
  if (/^(?:old)?pwd$/iu.test(name)) return false;
  return SECRET_NAME.test(name) || SHORT_SECRET_NAME.test(name);
}

/** Values that stand for a secret and are none: variables, placeholders, masks, what we wrote ourselves. */
export function isPlaceholder(value: string): boolean {
  return (
    value === '' ||
    REDACTED.test(value) ||
    /^["']?(?:\$[A-Za-z_{(].*|%\w+%|%[sdv]|\{\{.*|<.*|\*+|[.…]+|x{3,}|null|nil|none|true|false|undefined)["']?$/isu.test(
      value,
    )
  );
}

/** The names of all rules of this file. */
export const TOKEN_RULES: readonly string[] = [
  ...TOKENS.map(([rule]) => rule),
  ...GLUED_RULES.map(([, rule]) => rule),
  ...['url-token', 'url-password', 'authorization', 'cookie', 'netrc-password', 'private-key'],
  ...['assignment', 'secret-option'],
];

/** Whether a value in running text reads as a secret and not as a word. */
export function isOpaque(value: string): boolean {
  return value.length >= 4 && /\d|[!@#$%^&*+=~]|[a-z][A-Z]/u.test(value) && !isPlaceholder(value);
}

/** Every secret in `text` that shows by itself. Ranges may overlap. */
export function findTokens(text: string): SecretRange[] {
  if (text.length < 6) return [];
  const found = findKeyBlocks(text);
  for (const match of text.matchAll(TOKEN)) {
    const index = TOKENS.findIndex((_, i) => match.groups?.[`r${i}`] !== undefined);
    found.push(range(match.index, match[0], TOKENS[index]?.[0] ?? 'token'));
  }
  for (const { index, 0: token } of text.matchAll(GLUED)) {
    found.push(range(index, token, GLUED_RULES.find(([start]) => token.startsWith(start))?.[1] ?? 'token'));
  }
  if (text.includes('://')) {
    for (const match of text.matchAll(USER_IN_URL)) found.push(range(match.index, match[0], 'url-token'));
    for (const match of text.matchAll(PASSWORD_IN_URL))
      found.push(range(match.index, match[0], 'url-password'));
  }
  for (const match of text.matchAll(HEADER)) {
    const [all, , , scheme, value = ''] = match;
    const sure = scheme === undefined ? isOpaque(value) : value.length >= 16 || isOpaque(value);
    if (!sure || isPlaceholder(value)) continue;
    found.push(range(match.index + all.length - value.length, value, 'authorization'));
  }
  for (const match of text.matchAll(COOKIE)) found.push(range(match.index, match[0], 'cookie'));
  for (const match of text.matchAll(NPMRC)) found.push(range(match.index, match[0], 'npm-token'));
  for (const match of text.matchAll(NETRC)) found.push(range(match.index, match[0], 'netrc-password'));
  return [...found, ...findAssignments(text)];
}

/** `NAME=value`, `"name": "value"`: an upper-case name is taken at its word, another needs an opaque value. */
function findAssignments(text: string): SecretRange[] {
  const found: SecretRange[] = [];
  const names = new RegExp(ASSIGNMENT);
  for (let match = names.exec(text); match !== null; match = names.exec(text)) {
    const [, , name = '', operator = ''] = match;
    if (!namesSecret(name)) continue;
    ASSIGNED.lastIndex = names.lastIndex;
    const raw = ASSIGNED.exec(text)?.[0];
    // A call in program text: `token = getToken()`.
    if (raw === undefined || text[names.lastIndex + raw.length] === '(') continue;
    const quoted = raw.startsWith('"') || raw.startsWith("'");
    const value = quoted ? raw.slice(1, -1) : raw;
    const environment = operator === '=' && /^[A-Z0-9_]+$/u.test(name);
    const sure = environment ? !isPlaceholder(value) : isOpaque(value) && value.length >= 6;
    if (!sure || isPath(name, value)) continue;
    found.push(
      range(
        names.lastIndex + (quoted ? 1 : 0),
        value,
        match[0].startsWith('-') ? 'secret-option' : 'assignment',
      ),
    );
    names.lastIndex += raw.length;
  }
  return found;
}

/** A key can be named by its file; a password can't. */
export function isPath(name: string, value: string): boolean {
  return /(?:private[_-]?key|credentials?|pwd)$/iu.test(name) && /^(?:~|\.{1,2})?\/[\w./-]+$/u.test(value);
}

/** Private key blocks, also those that are cut at the end or hold their line ends as `\n`. */
function findKeyBlocks(text: string): SecretRange[] {
  const found: SecretRange[] = [];
  const begin = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/gu;
  const end = /-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/gu;
  const body = /(?:\\[nr]|[A-Za-z0-9+/=\s]|(?:Proc-Type|DEK-Info|Version|Comment):[^\n]*)*/uy;
  let ended: number | null = 0;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const from = begin.lastIndex;
    // The next end is looked for only once it lies behind, so that many beginnings stay linear.
    if (ended !== null && ended <= from) {
      end.lastIndex = from;
      ended = end.exec(text) === null ? null : end.lastIndex;
    }
    let stop: number;
    if (ended !== null && ended - from < 65536) stop = ended;
    else {
      body.lastIndex = from;
      body.exec(text);
      stop = Math.max(body.lastIndex, from);
    }
    found.push({ start: match.index, end: stop, rule: 'private-key' });
    begin.lastIndex = stop;
  }
  return found;
}

function range(start: number, text: string, rule: string): SecretRange {
  return { start, end: start + text.length, rule };
}
