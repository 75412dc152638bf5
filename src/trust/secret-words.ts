import { isOpaque, isPath, isPlaceholder, namesSecret, type SecretRange } from './secret-tokens.ts';

/**
 * Secrets that can be told only by where they stand on a command line: `curl -u user:pass`, `mysql -pPASS`,
 * `--token X`. The same rules serve an argument vector (exact words) and a line of text, which is split into
 * words first.
 */
export interface Word {
  text: string;
  /** Offset of `text` in the line; 0 in an argument vector. */
  start: number;
  /** The first word of a command, or what may be one (after a shell prompt, `sudo`, `--`). */
  first: boolean;
}

/** How sure one is that the words are a command: prose names options too (`--password PASSWORD`). */
export type Certainty = 'argv' | 'command' | 'text';

export interface WordRange extends SecretRange {
  word: number;
}

interface Shape {
  rule: string;
  programs: readonly string[];
  flags: readonly string[];
  /** A word that must stand between the program and the flag. */
  after?: string;
  /** The value may follow a short flag in the same word, or (`only`) does so always. */
  attached?: 'also' | 'only';
  /** Short flags without values that may stand before this one in a cluster: `-su`. */
  cluster?: RegExp;
  /** Only before the first word that is no option: the rest is another program's. */
  leading?: true;
  /** The part of the value that is no secret. */
  keep?: RegExp;
}

const words = (text: string): string[] => text.trim().split(/\s+/u);
const USER = /^[^:]*:/u;
const MYSQL = words(`
  mysql mariadb mysqldump mariadb-dump mysqladmin mariadb-admin mysqlimport mysqlshow mysqlcheck mysqlslap
  mysqlbinlog mysqlsh mycli mytop xtrabackup mydumper myloader
`);
const POSTGRES = words(
  'psql pg_dump pg_restore pg_dumpall pg_basebackup createdb dropdb createuser dropuser vacuumdb reindexdb',
);

const SHAPES: readonly Shape[] = [
  {
    rule: 'curl-user',
    programs: ['curl'],
    flags: ['-u', '-U', '--user', '--proxy-user'],
    attached: 'also',
    cluster: /^-[sSfLkvigIGNOjJqnaRl0-9#]*$/u,
    keep: USER,
  },
  { rule: 'curl-cert', programs: ['curl'], flags: ['-E', '--cert', '--proxy-cert'], keep: USER },
  { rule: 'curl-cookie', programs: ['curl'], flags: ['-b', '--cookie'], keep: /^(?:[^=]*$|[^=]*=)/u },
  { rule: 'http-auth', programs: words('http https xh xhs'), flags: ['-a', '--auth'], keep: USER },
  { rule: 'mysql-password', programs: MYSQL, flags: ['-p'], attached: 'only' },
  { rule: 'sshpass', programs: ['sshpass'], flags: ['-p'], attached: 'also', leading: true },
  {
    rule: 'login-password',
    programs: words('docker podman nerdctl buildah skopeo oras crane helm az oc cf vercel twine dokku'),
    after: 'login',
    flags: ['-p', '--password'],
  },
  {
    rule: 'registry-credentials',
    programs: words('skopeo podman buildah'),
    flags: words('--creds --src-creds --dest-creds'),
    keep: USER,
  },
  { rule: 'twine-password', programs: ['twine'], flags: ['-p'], after: 'upload' },
  {
    rule: 'redis-password',
    programs: words('redis-cli valkey-cli keydb-cli redis-benchmark'),
    flags: ['-a', '--pass'],
  },
  {
    rule: 'mongo-password',
    programs: words('mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat mongotop'),
    flags: ['-p'],
  },
  { rule: 'sql-password', programs: words('sqlcmd bcp tsql isql'), flags: ['-P'], attached: 'also' },
  { rule: 'cql-password', programs: words('cqlsh rabbitmqadmin influx nodetool'), flags: ['-p'] },
  {
    rule: 'ldap-password',
    programs: words('ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldappasswd ldapcompare'),
    flags: ['-w'],
    attached: 'also',
  },
  {
    rule: 'smb-password',
    programs: words('smbclient rpcclient smbget net'),
    flags: ['-U', '--user'],
    keep: /^[^%]*%|^[^%]*$/u,
  },
  { rule: 'zip-password', programs: words('zip unzip'), flags: ['-P'], attached: 'also' },
  { rule: 'zip-password', programs: words('7z 7za 7zr rar unrar'), flags: ['-p'], attached: 'only' },
  {
    rule: 'openssl-password',
    programs: ['openssl'],
    flags: words('-pass -passin -passout -password'),
    keep: /^(?:pass:|(?!pass:).*$)/su,
  },
  {
    rule: 'keytool-password',
    programs: words('keytool jarsigner apksigner'),
    flags: words(
      '-storepass -keypass -srcstorepass -deststorepass -srckeypass -destkeypass --ks-pass --key-pass',
    ),
    keep: /^(?:pass:|(?:env|file):.*$)?/su,
  },
  { rule: 'ipmi-password', programs: ['ipmitool'], flags: ['-P'] },
  { rule: 'putty-password', programs: words('plink pscp psftp putty'), flags: ['-pw'] },
  {
    rule: 'rdp-password',
    programs: words('xfreerdp xfreerdp3 wlfreerdp rdesktop'),
    flags: ['-p', '/p:', '/password:'],
    attached: 'also',
  },
  { rule: 'lftp-user', programs: ['lftp'], flags: ['-u', '--user'], keep: /^(?:[^,]*,|[^,]*$)/u },
  {
    rule: 'mail-password',
    programs: ['sendemail', 'swaks', 'msmtp'],
    flags: ['-xp', '-ap', '--auth-password'],
  },
  { rule: 'ngrok-token', programs: ['ngrok'], flags: ['authtoken', 'add-authtoken'] },
  { rule: 'aws-secret-key', programs: ['aws'], flags: ['aws_secret_access_key', 'aws_session_token'] },
  { rule: 'npm-token', programs: words('npm pnpm yarn'), flags: ['--otp'] },
  { rule: 'vault-token', programs: words('vault bao'), flags: ['login'], keep: /^(?:-.*|[a-z]+=.*)?/su },
  { rule: 'wifi-password', programs: ['nmcli'], flags: ['password'] },
];
/** The names of all rules of this file. */
export const WORD_RULES: readonly string[] = [
  ...SHAPES.map(({ rule }) => rule),
  'assignment',
  'secret-option',
];
const BY_PROGRAM = new Map<string, Shape[]>();
for (const shape of SHAPES) {
  for (const program of shape.programs) BY_PROGRAM.set(program, [...(BY_PROGRAM.get(program) ?? []), shape]);
}

/** Programs of which `--password` asks, so that the next word is something else. */
const ASKS = new Set([...MYSQL, ...POSTGRES]);
/** `--secret` names a secret here, and does not hold it. */
const NAMES_SECRETS = new Set(words('docker podman nerdctl buildah kubectl'));
/** What runs another command, given in the words that follow. */
const RUNNERS = new Set(
  words(`
    sudo doas env nohup time nice ionice setsid stdbuf timeout watch xargs exec command eval builtin strace
    ltrace gdb rlwrap chroot unshare nsenter flatpak proxychains torsocks caffeinate parallel sshpass entr
  `),
);
const ASSIGNED = /^[A-Za-z_]\w*=/u;
const INTERPRETER =
  /^(?:(?:ba|da|z|k|a)?sh|python[\d.]*|node|nodejs|bun|deno|ruby[\d.]*|perl[\d.]*|php[\d.]*)$/u;
/** What runs another command after a word of its own, or always. */
const REMOTE = new Set(words('ssh mosh docker podman nerdctl kubectl oc lxc incus vagrant fly heroku'));
const IN_REMOTE = new Set(words('ssh mosh docker-compose'));

export function findInWords(list: readonly Word[], certainty: Certainty): WordRange[] {
  const found: WordRange[] = [];
  let program = '';
  let shapes: readonly Shape[] = [];
  let nested = false;
  // The words since the program's name. Kept up and not looked for, so that long lines stay linear.
  let operands = new Set<string>();
  for (const [i, word] of list.entries()) {
    const name = baseName(word.text);
    const known = BY_PROGRAM.get(name);
    const runs = nested || RUNNERS.has(program) || ASSIGNED.test(program);
    // A program that is a script: `python3 /usr/bin/http`.
    const script = operands.size === 0 && INTERPRETER.test(program);
    if (word.first || (known !== undefined && (runs || script))) {
      if (word.first) nested = false;
      program = name;
      shapes = known ?? [];
      operands = new Set();
    } else {
      for (const shape of shapes) {
        if (shape.leading && operands.size > 0) continue;
        if (shape.after !== undefined && !operands.has(shape.after)) continue;
        push(found, i, word, followingWord(list, i), shape);
      }
      if (!word.text.startsWith('-')) operands.add(word.text);
    }
    if (RUNNERS.has(name) || IN_REMOTE.has(program)) nested = true;
    else if (REMOTE.has(program) && /^(?:exec|compose|--|-c)$/u.test(word.text)) nested = true;
    const flag = genericFlag(word, followingWord(list, i), program, certainty);
    if (flag !== null) found.push({ ...flag, word: flag.word + i });
  }
  return found;
}

/** The next word of the same command. */
function followingWord(list: readonly Word[], i: number): Word | undefined {
  const next = list[i + 1];
  return next?.first === true ? undefined : next;
}

function push(found: WordRange[], i: number, word: Word, next: Word | undefined, shape: Shape): void {
  const text = word.text;
  for (const flag of shape.flags) {
    const short = /^-[A-Za-z]$/u.test(flag);
    const joined = text.startsWith(`${flag}=`) && flag.length > 2;
    const clustered =
      short && text.endsWith(flag.slice(1)) && shape.cluster?.test(text.slice(0, -1)) === true;
    if ((text === flag || clustered) && shape.attached !== 'only') {
      if (next !== undefined) add(found, i + 1, next, 0, shape);
    } else if (joined) add(found, i, word, flag.length + 1, shape);
    else if (shape.attached !== undefined && text.startsWith(flag) && text.length > flag.length)
      add(found, i, word, flag.length, shape);
  }
}

function add(found: WordRange[], index: number, word: Word, from: number, shape: Shape): void {
  const value = word.text.slice(from);
  const kept = shape.keep === undefined ? 0 : (shape.keep.exec(value)?.[0].length ?? value.length);
  if (isPlaceholder(value.slice(kept))) return;
  const start = word.start + from + kept;
  found.push({ word: index, start, end: word.start + word.text.length, rule: shape.rule });
}

const LONG = /^--?([A-Za-z][\w.-]{0,79})(=)?/u;
const NO_VALUE =
  /^(?:no|ask|prompt|show|with|without|generate|use|force|print|reset|require|skip|save)[-_]/iu;

/** `--token X`, `--db-password=X`, and `NAME=X` as a whole word. `word` in the result is 0 or 1, relative. */
function genericFlag(
  word: Word,
  next: Word | undefined,
  program: string,
  certainty: Certainty,
): WordRange | null {
  const match = LONG.exec(word.text) ?? /^([A-Za-z_][\w.-]{0,79})(=)/u.exec(word.text);
  const name = match?.[1] ?? '';
  if (match === null || !namesSecret(name) || NO_VALUE.test(name)) return null;
  const dashes = word.text.startsWith('--') ? 2 : word.text.startsWith('-') ? 1 : 0;
  if (dashes === 1 && /^pass$|^pw$|^.$/iu.test(name)) return null;
  if (match[2] === undefined && (match[0] !== word.text || dashes === 0)) return null;
  const joined = match[2] !== undefined;
  if (!joined && (next === undefined || next.text.startsWith('-') || ASKS.has(program))) return null;
  if (NAMES_SECRETS.has(program) && /secret$/iu.test(name)) return null;
  const target = joined ? word : (next ?? word);
  const from = joined ? match[0].length : 0;
  const value = target.text.slice(from);
  const environment = dashes === 0 && /^[A-Z0-9_]+$/u.test(name);
  const sure = certainty === 'text' && !environment ? isOpaque(value) : !isPlaceholder(value);
  if (!sure || isPath(name, value) || (name === 'pass' && value.length < 4)) return null;
  const rule = dashes === 0 ? 'assignment' : 'secret-option';
  return { word: joined ? 0 : 1, start: target.start + from, end: target.start + target.text.length, rule };
}

/** The words of an argument vector. */
export function argvWords(argv: readonly string[]): Word[] {
  return argv.map((text, i) => ({ text, start: 0, first: i === 0 }));
}

const STEP = /\s+|(?<separator>[;|&(){}`])|(?<word>(?:[^\s;|&()`"'\\]|\\[^]|"[^"]*"|'[^']*'|["'\\])+)/gu;

/** The words of a line of shell, roughly: what can't be told is read so that more looks like a command. */
export function lineWords(line: string): Word[] {
  const list: Word[] = [];
  let first = true;
  for (const match of line.matchAll(STEP)) {
    if (match.groups?.['separator'] !== undefined) first = true;
    const raw = match.groups?.['word'];
    if (raw === undefined) continue;
    const quote = raw[0] ?? '';
    const quoted =
      (quote === '"' || quote === "'") && raw.length > 1 && raw.indexOf(quote, 1) === raw.length - 1;
    list.push({ text: quoted ? raw.slice(1, -1) : raw, start: match.index + (quoted ? 1 : 0), first });
    // The last character of a prompt, or an assignment before the command.
    first = /[$#%>❯➜λ✗✓»]$/u.test(raw) || (first && ASSIGNED.test(raw));
  }
  return list;
}

function baseName(word: string): string {
  return word.slice(word.lastIndexOf('/') + 1).toLowerCase();
}
