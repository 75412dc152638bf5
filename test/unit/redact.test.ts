import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Text, toText } from '../../src/session/text.ts';
import { redactArgv, redactCommand, redactText, redactUrl } from '../../src/trust/redact.ts';

/** Tokens are written with a `~` in them, so that no scanner takes this file for a leak. */
const plain = (s: string): string => s.replaceAll('~', '');
const A36 = 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0iL3oR6';
const A22 = A36.slice(0, 22);
const HEX = '0123456789abcdef0123456789abcdef01234567';
const JWT = `ey~J${A22}.ey~J${A22}.${A36}`;
const PEM = `-----BEGIN RSA PRIV~ATE KEY-----\nMIIE${A36}\n${A36}=\n-----END RSA PRIV~ATE KEY-----`;

/** rule, text; what stands between « and » is the secret. */
const TOKENS: [rule: string, text: string][] = [
  ['github-token', `remote: «gh~p_${A36}»`],
  ['github-token', `x=«gh~o_${A36}»,`],
  ['github-token', `"«gh~s_${A36}»"`],
  ['github-token', `«github_~pat_${A22}_${A36}»`],
  ['gitlab-token', `(«gl~pat-${A22}»)`],
  ['gitlab-token', `«gl~rt-${A22}»`],
  ['slack-token', `«xox~b-123456789012-${A22}»`],
  ['slack-token', `«xox~p-1234567890-${A22}»`],
  ['webhook-url', `https://«hooks.slack~.com/services/T0000/B0000/${A22}»`],
  ['openai-key', `«sk-~${A36}»`],
  ['openai-key', `«sk-~proj-${A36}_-x»`],
  ['anthropic-key', `«sk-~ant-api03-${A36}»`],
  ['stripe-key', `«sk_~live_${A22}»`],
  ['stripe-key', `«rk_~test_${A22}»`],
  ['aws-access-key', `«AK~IAIOSFODNN7EXAMPLE»`],
  ['aws-access-key', `id «AS~IAIOSFODNN7EXAMPLE» ok`],
  ['google-key', `«AI~za${A36.slice(0, 35)}»`],
  ['google-key', `«GOC~SPX-${A22}»`],
  ['npm-token', `«npm~_${A36}»`],
  ['npm-token', `//npm.example.org/:_authToken=«0123abcd-ffff»`],
  ['huggingface-token', `«hf~_${A36}»`],
  ['pypi-token', `«py~pi-AgEIcHlwaS5vcmc${A36}»`],
  ['docker-token', `«dckr~_pat_${A22}»`],
  ['sendgrid-key', `«S~G.${A22}.${A36}»`],
  ['telegram-token', `«123456789:A~A${A36.slice(0, 33)}»`],
  ['digitalocean-token', `«dop~_v1_${HEX}${HEX.slice(0, 24)}»`],
  ['databricks-token', `«da~pi0123456789abcdef0123456789abcdef»`],
  ['vault-token', `«hv~s.${A36}»`],
  ['age-secret-key', `«AGE-SECRET~-KEY-1${'QPZRY9X8GF2TVDW0S3JN'.repeat(3).slice(0, 58)}»`],
  ['shopify-token', `«shp~at_0123456789abcdef0123456789abcdef»`],
  ['tailscale-key', `«ts~key-auth-kAbC123-${A22}»`],
  ['jwt', `token is «${JWT}» now`],
  ['bearer-token', `use Bearer «${A22}» here`],
  ['private-key', `before «${PEM}» after`],
  ['private-key', `«-----BEGIN OPENSSH PRIV~ATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA»`],
  ['private-key', `"«-----BEGIN PRIV~ATE KEY-----\\nMIIE\\n-----END PRIV~ATE KEY-----»"`],
  ['url-password', 'postgres://app:«hunter2»@db.internal:5432/app'],
  ['url-password', 'https://user:«p@ss:w0rd»@host/path'],
  ['url-password', 'redis://:«123456»@localhost:6379/0'],
  ['url-password', 'amqp://guest:«a/b»@mq'],
  ['url-token', `https://«${A22}»@github.com/o/r.git`],
  ['bearer-token', `Authorization: Bearer «${A22}»`],
  ['authorization', '> Authorization: Basic «dXNlcjpwYXNzd29yZA==»'],
  ['authorization', `X-Api-Key: «${A22}»`],
  ['authorization', 'PRIVATE-TOKEN: «abc123def456»'],
  ['cookie', 'Cookie: «session=abc123; theme=dark»'],
  ['netrc-password', 'machine github.com login me password «letmein»'],
  ['assignment', 'DB_PASSWORD=«letmein»'],
  ['assignment', "export API_TOKEN='«let me in»'"],
  ['aws-secret-key', 'AWS_SECRET_ACCESS_KEY=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»'],
  ['assignment', '"password": "«hunter22»"'],
  ['assignment', 'password: «hunter22»'],
  ['assignment', 'https://x/y?a=1&access_token=«abc123def»&b=2'],
  ['assignment', 'Server=db;Password=«hunter22»;Pooling=true'],
  ['azure-key', `AccountName=x;AccountKey=«${A36}${A22}==»`],
];

/** rule, command; the secret between « and ». */
const COMMANDS: [rule: string, words: string[]][] = [
  ['curl-user', ['curl', '-u', 'me:«hunter2»', 'https://x']],
  ['curl-user', ['/usr/bin/curl', '-sSu', 'me:«hunter2»']],
  ['curl-user', ['curl', '-ume:«hunter2»']],
  ['curl-user', ['curl', '--user=me:«hunter2»']],
  ['curl-user', ['sudo', 'curl', '--proxy-user', 'me:«hunter2»']],
  ['curl-cookie', ['curl', '-b', 'sid=«abc»', 'x']],
  ['http-auth', ['http', '-a', 'me:«pw»', 'GET', 'x']],
  ['mysql-password', ['mysql', '-uroot', '-p«hunter2»', 'db']],
  ['mysql-password', ['mariadb-dump', '-p«123456»', '--all-databases']],
  ['mysql-password', ['docker', 'exec', '-it', 'db', 'mysql', '-p«hunter2»']],
  ['mysql-password', ['kubectl', 'exec', 'pod', '--', 'mysql', '-p«hunter2»']],
  ['mysql-password', ['env', 'A=b', 'mysql', '-p«hunter2»']],
  ['secret-option', ['mysql', '--password=«hunter2»']],
  ['sshpass', ['sshpass', '-p', '«hunter2»', 'ssh', '-p', '22', 'host']],
  ['sshpass', ['sshpass', '-p«hunter2»', 'ssh', 'host']],
  ['login-password', ['docker', 'login', '-u', 'me', '-p', '«hunter2»', 'registry']],
  ['login-password', ['podman', 'login', '--password', '«hunter2»']],
  ['login-password', ['az', 'login', '--service-principal', '-u', 'x', '-p', '«hunter2»']],
  ['registry-credentials', ['skopeo', 'copy', '--src-creds', 'me:«pw»', 'a', 'b']],
  ['redis-password', ['redis-cli', '-h', 'x', '-a', '«hunter2»', 'PING']],
  ['mongo-password', ['mongosh', '-u', 'root', '-p', '«hunter2»']],
  ['sql-password', ['sqlcmd', '-S', 'x', '-P', '«hunter2»']],
  ['ldap-password', ['ldapsearch', '-D', 'cn=x', '-w', '«hunter2»']],
  ['smb-password', ['smbclient', '-U', 'me%«hunter2»', '//h/s']],
  ['zip-password', ['unzip', '-P', '«hunter2»', 'a.zip']],
  ['zip-password', ['7z', 'x', '-p«hunter2»', 'a.7z']],
  ['openssl-password', ['openssl', 'enc', '-pass', 'pass:«hunter2»']],
  ['keytool-password', ['keytool', '-list', '-storepass', '«changeit»']],
  ['putty-password', ['plink', '-pw', '«hunter2»', 'host']],
  ['rdp-password', ['xfreerdp', '/u:me', '/p:«hunter2»']],
  ['lftp-user', ['lftp', '-u', 'me,«hunter2»', 'host']],
  ['aws-secret-key', ['aws', 'configure', 'set', 'aws_secret_access_key', '«abc»']],
  ['secret-option', ['tool', '--token', '«letmein»']],
  ['secret-option', ['tool', '--token=«letmein»']],
  ['secret-option', ['tool', '-token', '«letmein»']],
  ['secret-option', ['tool', '--api-key=«letmein»']],
  ['secret-option', ['tool', '--apikey', '«letmein»']],
  ['secret-option', ['tool', '--db-password', '«letmein»']],
  ['secret-option', ['tool', '--client-secret', '«letmein»']],
  ['secret-option', ['gpg', '--batch', '--passphrase', '«letmein»', '-d', 'x']],
  ['secret-option', ['wget', '--http-password=«letmein»', 'x']],
  ['assignment', ['env', 'DB_PASSWORD=«let me in; now»', 'app']],
  ['assignment', ['docker', 'run', '-e', 'DB_PASSWORD=«letmein»', 'img']],
  ['assignment', ['make', 'API_TOKEN=«letmein»']],
  ['assignment', ['kubectl', 'create', 'secret', 'generic', 'x', '--from-literal=password=«hunter22»']],
  ['bearer-token', ['curl', '-H', `Authorization: Bearer «${A36}»`, 'x']],
  ['authorization', ['curl', '-H', 'X-Api-Key: «abc123»', 'x']],
];

const HARMLESS_TEXT = [
  ...[
    HEX,
    HEX.repeat(2).slice(0, 64),
    `commit ${HEX}`,
    `sha256:${HEX.repeat(2).slice(0, 64)}`,
    `index ${HEX.slice(0, 7)}..${HEX.slice(7, 14)}`,
  ],
  ...[
    '123e4567-e89b-12d3-a456-426614174000',
    '/nix/store/0c1p5z4kcjr2b5m6wqyxf9z8v7nsd3ha-bash-5.2/bin/bash',
  ],
  ...[
    '/home/me/src/project/token/key.ts',
    'src/password/reset.ts:12:3',
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb7 me@host',
  ],
  ...[
    'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 me@host',
    'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudzn0sxq',
    'pk_live_abc123abc123abc123',
  ],
  ...[
    '-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----',
    '-----BEGIN PUBLIC KEY-----',
    'integrity sha512-abc+/def==',
  ],
  ...[
    'https://github.com/o/r.git',
    'git@github.com:o/r.git',
    'ssh://git@host:2222/r.git',
    'http://localhost:3000/@vite/client',
    'https://host:8443/a@b',
  ],
  ...[
    'http://[::1]:8080/x',
    'https://example.com/?page_token_size=5',
    'mailto:me@example.com',
    'https://user@host/x',
  ],
  ...[
    'Password:',
    'Enter password: ',
    'password: string;',
    'const token = getToken()',
    'token=getToken(x1)',
    'password=password',
    'if (token == null)',
  ],
  ...[
    'TOKEN=$TOKEN',
    'export PASSWORD="${DB_PASSWORD}"',
    'API_KEY=<your key>',
    'SECRET=********',
    'TOKEN=$(gh auth token)',
    'token: null',
    'PASSWORD=',
  ],
  ...[
    'max_tokens=4096',
    'tokens: 12345',
    'PASSWORD_FILE=/run/secrets/db1',
    'TOKEN_URL=https://x1',
    'PRIMARY_KEY=id1',
    'CACHE_KEY=abc123',
    'PWD=/home/me1',
    'OLDPWD=/x1',
  ],
  ...[
    'PRIVATE_KEY=/etc/ssl/k1.pem',
    'COMPASS=n0rth',
    'BYPASS=1',
    'AUTHOR=me123',
    'Use --token to pass a token',
    '--password PASSWORD   the password',
    '--token string  API token',
  ],
  ...[
    'Bearer authentication is required',
    'the bearer of this',
    'Authorization: required',
    'authorization: Bearer <token>',
    'sk-chasing-dot-before-animation',
    'task-1234567890-abcdefghijkl',
  ],
  ...[
    'hf_hub_download',
    'npm_config_registry',
    'npm_package_version',
    'glpat',
    'eyJ',
    'SG.1',
    'key-value',
    'AKIA',
    'desk-12345678901234567890x',
  ],
  ...[
    'mkdir -p dir/sub',
    'cp -p a b',
    'ls -u',
    'drwxr-xr-x 2 me me 4096',
    'error TS2304: Cannot find name',
    '12:34:56:78:9a:bc',
    'a=1 b=2',
    '',
    'x',
  ],
];

const HARMLESS_COMMANDS: string[][] = [
  ['mkdir', '-p', 'dir'],
  ['cp', '-p', 'a', 'b'],
  ['ssh', '-p', '22', 'me@host'],
  ['docker', 'run', '-p', '80:80', 'img'],
  ['docker', 'run', '--name', 'mysql', '-p3306:3306', 'mysql:8'],
  ['docker', 'build', '--secret', 'id=npm,src=.npmrc', '.'],
  ['docker', 'login', '-u', 'me', '--password-stdin', 'registry'],
  ['mysql', '-u', 'root', '-p', 'db'],
  ['mysql', '-P', '3306', '-h', 'host'],
  ['mysql', '--password', 'db'],
  ['psql', '--password', 'db'],
  ['psql', '-p', '5432', '-U', 'me'],
  ['curl', '-u', 'me', 'https://x'],
  ['curl', '-b', 'cookies.txt', 'x'],
  ['curl', '-sSL', 'https://x'],
  ['git', 'push', '-u', 'origin', 'main'],
  ['git', 'log', '-p', 'file'],
  ['git', 'commit', '-m', 'use the --token option, not --password'],
  ['rsync', '-avp', 'a', 'b'],
  ['tar', '-xpf', 'a.tar'],
  ['ps', '-p', '1234'],
  ['npx', '-p', 'typescript', 'tsc'],
  ['openssl', 'enc', '-pass', 'env:PASS'],
  ['openssl', 'req', '-passin', 'file:x'],
  ['smbclient', '-U', 'me', '//h/s'],
  ['lftp', '-u', 'me', 'host'],
  ['redis-cli', '-p', '6379'],
  ['tool', '--token', '--verbose'],
  ['tool', '--token'],
  ['tool', '--token-file', 'x'],
  ['tool', '--no-password', 'db'],
  ['tool', '--key', 'a.pem'],
  ['tool', '--private-key=/etc/ssl/key'],
  ['tool', '--password='],
  ['ffmpeg', '-i', 'a', '-pass', '1', 'b'],
  ['node', '--max-old-space-size=4096', 'x.js'],
  ['vim', 'password.txt'],
  ['grep', '-rn', 'password', 'src'],
  ['pass', 'show', 'x'],
  ['ssh-keygen', '-t', 'ed25519', '-f', 'id'],
  ['sshpass', '-e', 'ssh', '-p', '22', 'host'],
  ['vault', 'login', '-method=github'],
  ['unzip', '-p', 'a.zip', 'f'],
  ['7z', 'x', 'a.7z'],
];

const secretOf = (s: string): string => /«(.*)»/su.exec(plain(s))?.[1] ?? '';
const marked = (s: string, rule: string): string => plain(s).replace(/«.*»/su, `[redacted:${rule}]`);
const bare = (s: string): string => plain(s).replace(/[«»]/gu, '');

describe('E6 secrets in text', () => {
  test.each(TOKENS)('%s: %s', (rule, text) => {
    const result = redactText(bare(text));
    expect(result).toEqual({ text: marked(text, rule), findings: [{ rule }] });
    expect(redactText(result.text)).toEqual({ text: result.text, findings: [] });
    expect(secretOf(text)).not.toBe('');
  });

  test.each(HARMLESS_TEXT)('harmless: %j', (text) => {
    expect(redactText(text)).toEqual({ text, findings: [] });
  });

  test('several in one text, each at its place', () => {
    const text = plain(`a gh~p_${A36}\nb DB_PASSWORD=x1\n$ mysql -phunter2 db\nok`);
    expect(redactText(text)).toEqual({
      text: 'a [redacted:github-token]\nb DB_PASSWORD=[redacted:assignment]\n$ mysql -p[redacted:mysql-password] db\nok',
      findings: [{ rule: 'github-token' }, { rule: 'assignment' }, { rule: 'mysql-password' }],
    });
  });

  test('E7 nothing in the text turns a rule off', () => {
    for (const comment of ['secretlint-disable', 'gitleaks:allow', 'pragma: allowlist secret', 'nosec']) {
      const text = plain(`# ${comment}\ngh~p_${A36} # ${comment}`);
      expect(redactText(text).findings).toEqual([{ rule: 'github-token' }]);
    }
  });

  test('E8 a token in which colors change is found, and the colors stay', () => {
    const text = plain(`\u001B[1mgh~p_${A22}\u001B[31m${A22}\u001B[0m x`);
    expect(redactText(text)).toEqual({
      text: '\u001B[1m[redacted:github-token]\u001B[31m\u001B[0m x',
      findings: [{ rule: 'github-token' }],
    });
    expect(redactText(`DB_PASS\u001B[1mWORD=\u001B[0mletmein`).findings).toEqual([{ rule: 'assignment' }]);
  });

  test('bytes that are no UTF-8 are kept around a secret', () => {
    const bytes = Buffer.concat([Buffer.from([0xff]), Buffer.from(plain(` gh~p_${A36} é`))]);
    expect(redactText(toText(bytes))).toEqual({
      text: toText(Buffer.concat([Buffer.from([0xff]), Buffer.from(' [redacted:github-token] é')])),
      findings: [{ rule: 'github-token' }],
    });
  });
});

describe('E6 secrets on command lines', () => {
  test.each(COMMANDS)('%s: %j', (rule, words) => {
    const result = redactArgv(words.map(bare));
    expect(result).toEqual({ argv: words.map((w) => marked(w, rule)), findings: [{ rule }] });
    expect(redactArgv(result.argv)).toEqual({ argv: result.argv, findings: [] });
  });

  test.each(COMMANDS)('as it was typed, and in a script: %s: %j', (_, words) => {
    const line = words.map((w) => (/[\s;]/u.test(w) ? `'${w}'` : w)).join(' ');
    const secret = secretOf(line);
    expect(redactCommand(bare(line)).text).not.toContain(secret);
    expect(redactCommand(bare(line)).findings).toHaveLength(1);
    const script = redactArgv(['bash', '-c', `cd /x && ${bare(line)} | cat`]);
    expect(JSON.stringify(script.argv)).not.toContain(secret);
    expect(redactText(`[me@host ~]$ ${bare(line)}\nok`).text).not.toContain(secret);
  });

  test.each(
    HARMLESS_COMMANDS.map(
      (words) => [words.map((w) => (w.includes(' ') ? `'${w}'` : w)).join(' '), words] as const,
    ),
  )('harmless: %s', (line, argv) => {
    expect(redactArgv(argv)).toEqual({ argv, findings: [] });
    expect(redactText(`$ ${line}`)).toEqual({ text: `$ ${line}`, findings: [] });
  });

  test('a variable in a script is no secret, the same characters in an argument vector are one', () => {
    const line = 'mysql -p"$PW" db; tool --token $TOKEN; curl -u "$U:$P" x';
    expect(redactCommand(line)).toEqual({ text: line, findings: [] });
  });

  test('words that are no UTF-8 are kept', () => {
    const raw: Text = toText(Buffer.from([0xff, 0xfe]));
    expect(redactArgv(['tool', raw, '--token', raw])).toEqual({
      argv: ['tool', raw, '--token', '[redacted:secret-option]'],
      findings: [{ rule: 'secret-option' }],
    });
  });
});

describe('redactUrl: a remote’s URL without credentials', () => {
  test.each([
    ['https://github.com/o/r.git', 'https://github.com/o/r.git'],
    ['https://user@host/r', 'https://host/r'],
    ['https://user:pw@host/r', 'https://host/r'],
    [plain(`https://gh~p_${A36}@github.com/o/r`), 'https://github.com/o/r'],
    ['https://user:p@ss@host:8443/r', 'https://host:8443/r'],
    ['https://user:p/w@host/r', 'https://host/r'],
    ['http://host:8080/a@b', 'http://host:8080/a@b'],
    ['http://[::1]:80/x', 'http://[::1]:80/x'],
    ['ssh://git@host:22/r', 'ssh://git@host:22/r'],
    ['ssh://git:pw@host/r', 'ssh://git@host/r'],
    ['git+ssh://git:pw@host/r', 'git+ssh://git@host/r'],
    ['git@github.com:o/r.git', 'git@github.com:o/r.git'],
    ['/srv/git/r.git', '/srv/git/r.git'],
    ['../r', '../r'],
    ['', ''],
    ['https://host/r?private_token=abc123def', 'https://host/r?private_token=[redacted:assignment]'],
  ])('%s', (url, expected) => {
    expect(redactUrl(url)).toBe(expected);
    expect(redactUrl(redactUrl(url))).toBe(expected);
  });
});

describe('hostile and long input', () => {
  const pieces = fc.constantFrom(
    ...[
      'gh',
      'p_',
      A36,
      'PASSWORD',
      '=',
      ' ',
      "'",
      '"',
      '\n',
      '://',
      ':',
      '@',
      '/',
      '-p',
      '--token',
      'curl',
      '-u',
      'mysql',
      '$',
    ],
    ...[
      'Authorization',
      'Bearer',
      '-----BEGIN PRIV',
      'ATE KEY-----',
      '\u001B[31m',
      '\u001B]0;',
      '[redacted:',
      ']',
      'é',
      ';',
      '{',
      'x1',
    ],
  );
  const text = fc.array(pieces, { maxLength: 25 }).map((list) => list.join(''));

  test('redacting twice changes nothing, and what is found is gone', () => {
    fc.assert(
      fc.property(text, (s) => {
        const once = redactText(s);
        expect(once.findings.length === 0).toBe(once.text === s);
        const rest = redactText(once.text);
        expect(JSON.stringify(rest.text)).not.toContain(plain(`gh~p_${A36}`));
      }),
      { numRuns: 3000, examples: [[`gh${plain(`gh~p_${A36}`)}`]] },
    );
  });

  test('an argument vector keeps its length', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), (argv) => {
        expect(redactArgv(argv).argv).toHaveLength(argv.length);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ...[
      'a',
      ' ',
      'a=',
      '://',
      'token=',
      'TOKEN=$',
      "'",
      '"',
      '\u001B[',
      '\u001B]',
      'eyJ',
      'sk-a',
      'password ',
      '-p ',
      ':',
      'a:',
    ],
    ...[
      plain('-----BEGIN PRIV~ATE KEY-----\n'),
      'machine a login ',
      'Authorization: ',
      'Cookie: a',
      '=https://a:',
      'mysql -p ',
      '{',
      'x --token ',
    ],
  ])('a megabyte of %j takes linear time', (part) => {
    const start = performance.now();
    redactText(part.repeat(Math.ceil(1e6 / part.length)));
    expect(performance.now() - start).toBeLessThan(4000);
  });
});
