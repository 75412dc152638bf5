/**
 * What must never be stored, and what must stay as it is. All of it is put together here from parts, so that no scanner
 * takes this file for a leak.
 */
export interface Secret {
  /** A text in which it stands. */
  text: string;
  /** What may not be found again. */
  secret: string;
  /** A command with it, where the text is none. */
  argv: string[];
}

const LETTERS = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ';
const DIGITS = '23456789';

/** Characters that look like chance and are always the same for a seed. */
function source(seed: string): (length: number, alphabet?: string) => string {
  let state = [...seed].reduce((n, c) => Math.imul(n ^ c.charCodeAt(0), 0x01000193), 0x811c9dc5) >>> 0;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return (length, alphabet = LETTERS + DIGITS) => {
    const run = Array.from({ length }, () => alphabet[next(alphabet.length)]!);
    // A run without a digit could be a word.
    if (alphabet === LETTERS + DIGITS && length > 4) run[2] = DIGITS[next(DIGITS.length)]!;
    return run.join('');
  };
}

const HEX = '0123456789abcdef';
const UPPER = 'ABCDEFGHJKLMNPQRSTUVWXYZ';

/** Tokens of issuers: what is before the run, and the run. */
function tokens(run: ReturnType<typeof source>): string[] {
  const base64 = (text: string) => Buffer.from(text).toString('base64url');
  const jwt = [base64(`{"alg":"HS256","k":"${run(6)}"}`), base64(`{"sub":"${run(12)}"}`), run(43)].join('.');
  const parts: [string, string, string?][] = [
    ['gh', 'p_', run(36)],
    ['gh', 'o_', run(36)],
    ['gh', 's_', run(36)],
    ['github', '_pat_', `${run(22)}_${run(59)}`],
    ['gl', 'pat-', run(20)],
    ['xo', 'xb-', `${run(12, DIGITS)}-${run(24)}`],
    ['xa', 'pp-', `1-A${run(10, UPPER)}-${run(12, DIGITS)}-${run(40)}`],
    ['sk-', 'ant-', `api03-${run(93)}AA`],
    ['sk-', 'proj-', run(80)],
    ['sk', '_live_', run(24)],
    ['rk', '_live_', run(24)],
    ['wh', 'sec_', run(32)],
    ['AK', 'IA', run(16, UPPER)],
    ['AS', 'IA', run(16, UPPER)],
    ['AI', 'za', run(35)],
    ['GOC', 'SPX-', run(28)],
    ['ya', '29.', run(60)],
    ['np', 'm_', run(36)],
    ['h', 'f_', run(34)],
    ['py', 'pi-', run(80)],
    ['ruby', 'gems_', run(48, HEX)],
    ['dckr', '_pat_', run(27)],
    ['S', 'G.', `${run(22)}.${run(43)}`],
    ['S', 'K', run(32, HEX)],
    ['ke', 'y-', run(32, HEX)],
    [run(9, DIGITS), ':AA', run(33)],
    ['shp', 'at_', run(32, HEX)],
    ['dop', '_v1_', run(64, HEX)],
    ['lin', '_api_', run(40)],
    ['nt', 'n_', run(46)],
    ['da', 'pi', run(32, HEX)],
    ['hv', 's.', run(95)],
    ['AGE-SEC', 'RET-KEY-1', run(58, UPPER)],
    ['gl', 'sa_', `${run(32)}_${run(8, HEX)}`],
    ['NR', 'AK-', run(27, UPPER)],
    ['AT', 'ATT3x', run(40)],
    ['psc', 'ale_tkn_', run(32)],
    ['gs', 'k_', run(52)],
    ['ts', 'key-auth-', `${run(12)}-${run(24)}`],
    ['vc', 'p_', run(24)],
    ['fig', 'd_', run(43)],
    ['', '', jwt],
  ];
  return parts.map((part) => part.join(''));
}

/** Sixty secrets that no other seed has. */
export function secrets(seed: string): Secret[] {
  const run = source(seed);
  const found: Secret[] = tokens(run).map((secret, i) => {
    const text = i % 2 === 0 ? `deploy with ${secret} now` : `[${i}] token=${secret}`;
    return { text, secret, argv: ['tool', i % 3 === 0 ? '-x' : 'run', secret] };
  });
  const say = (text: string, secret: string, argv: string[] = ['tool', text]) =>
    found.push({ text, secret, argv });
  const type = (argv: string[], secret: string) => say(`$ ${argv.join(' ')}`, secret, argv);
  const [a, b, c, d, e, f] = Array.from({ length: 6 }, () => run(14)) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  say(`Authorization: Bearer ${a}`, a, ['curl', '-H', `Authorization: Bearer ${a}`]);
  say(
    `Authorization: Basic ${Buffer.from(`u:${b}`).toString('base64')}`,
    Buffer.from(`u:${b}`).toString('base64'),
  );
  say(`postgres://app:${c}@db.internal:5432/app`, c);
  say(`export DB_PASSWORD=${d}`, d, ['env', `DB_PASSWORD=${d}`]);
  say(`{"password": "${e}"}`, e);
  say(`Cookie: session=${f}; theme=dark`, f);
  const [g, h, i, j, k, l] = Array.from({ length: 6 }, () => run(12)) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const key = ['PRIV', 'ATE KEY-----'].join('');
  say(`-----BEGIN ${key}\\n${run(64)}${g}\\n-----END ${key}`, g);
  type(['curl', '-u', `me:${h}`, 'https://example.org'], h);
  type(['mysql', '-uroot', `-p${i}`, 'db'], i);
  type(['sshpass', '-p', j, 'ssh', 'host'], j);
  type(['docker', 'login', '-u', 'me', '-p', k, 'registry'], k);
  type(['redis-cli', '-a', l, 'ping'], l);
  const [m, n, o, p, q, r] = Array.from({ length: 6 }, () => run(12)) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  type(['tool', '--token', m], m);
  type(['tool', `--client-secret=${n}`], n);
  type(['openssl', 'enc', '-pass', `pass:${o}`], o);
  type(['http', '-a', `me:${p}`, 'example.org'], p);
  type(['mongosh', '-u', 'root', '-p', q], q);
  say(`machine example.org login me password ${r}`, r);
  return found;
}

const words = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim());

/** Two hundred and more lines of every day. */
export function harmless(): string[] {
  const run = source('harmless');
  const hex = (length: number) => run(length, HEX);
  const uuid = () => [hex(8), hex(4), `4${hex(3)}`, `a${hex(3)}`, hex(12)].join('-');
  const base64 = (length: number) => run(length, `${LETTERS}${DIGITS}+/`);
  const many = (n: number, make: (i: number) => string) => Array.from({ length: n }, (_, i) => make(i));
  return [
    ...many(10, () => hex(40)),
    ...many(5, () => hex(64)),
    ...many(5, () => `commit ${hex(40)}`),
    ...many(5, () => `sha256:${hex(64)}`),
    ...many(5, () => `index ${hex(7)}..${hex(7)} 100644`),
    ...many(12, uuid),
    ...many(4, () => `request_id=${uuid()}`),
    ...many(6, () => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${base64(43)} me@host`),
    ...many(4, () => `ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC${base64(80)} me@host`),
    ...many(3, () => `age1${run(58, 'qpzry9x8gf2tvdw0s3jn54khce6mua7l')}`),
    ...many(3, () => `SHA256:${base64(43)} me@host (ED25519)`),
    '-----BEGIN PUBLIC KEY-----',
    '-----BEGIN CERTIFICATE-----',
    ...many(6, () => `data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA${base64(60)}`),
    ...many(4, () => `R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7${base64(16)}`),
    ...many(10, () => `      "integrity": "sha512-${base64(86)}==",`),
    ...many(5, (i) => `checksum = "${hex(64)}"${i}`),
    ...many(4, (i) => `    "node_modules/left-pad${i}": {`),
    ...many(4, (i) => `github.com/o/r${i} v1.${i}.0 h1:${base64(43)}=`),
    ...many(6, (i) => `2026-11-21T08:0${i}:11.123Z INFO request ${hex(16)} took 1${i} ms`),
    ...many(
      4,
      (i) => `Nov 21 08:0${i}:00 host sshd[12${i}]: Accepted publickey for me from 10.0.0.${i} port 5022${i}`,
    ),
    ...many(4, (i) => `/nix/store/${run(32, '0123456789abcdfghijklmnpqrsvwxyz')}-bash-5.${i}/bin/bash`),
    ...many(4, (i) => `/home/me/.cache/pip/wheels/${hex(2)}/${hex(2)}/${hex(56)}/x-${i}.whl`),
    ...words(`
      /home/me/src/project/token/key.ts
      src/password/reset.ts:12:3
      ./node_modules/.bin/vitest
      C:\\Users\\me\\AppData\\Local\\Temp\\x1.tmp
      s3://bucket/key-name/2026/11/21/part-00001.parquet
      https://github.com/o/r.git
      git@github.com:o/r.git
      ssh://git@host:2222/r.git
      http://localhost:3000/@vite/client
      https://example.com/?page_token_size=5
      https://user@host/x
      me@host:~/src$
      [me@host src]$ ls
      root@host:/# ls -la
      ~/src main* ❯ git status
      >>> print(1)
      mysql> select 1;
      (venv) me@host:~$ python3 -m venv .venv
      $ make -j8 test
      $ npm test -- --reporter=dot
      $ git log --oneline -5
      $ git push -u origin main
      $ git commit -m 'use the --token option, not --password'
      $ git rebase -i HEAD~3
      $ docker run -p 80:80 -it img
      $ docker build --secret id=npm,src=.npmrc .
      $ docker login -u me --password-stdin registry
      $ kubectl get pods -n kube-system -o wide
      $ psql -p 5432 -U me db
      $ mysql -u root -p db
      $ curl -sSL https://example.org/install.sh
      $ curl -u me https://example.org
      $ ssh -p 22 me@host
      $ ssh-keygen -t ed25519 -f id
      $ rsync -avp a b
      $ tar -xpf a.tar
      $ mkdir -p dir/sub
      $ cp -p a b
      $ ps -p 1234
      $ grep -rn password src
      $ vim password.txt
      $ npx -p typescript tsc
      $ openssl req -passin file:x
      $ redis-cli -p 6379
      $ unzip -p a.zip f
      $ ffmpeg -i a -pass 1 b
      $ python3 -c 'print(1)'
      $ find . -name '*.ts' -newer x1 -print
      $ vault login -method=github
      $ sshpass -e ssh -p 22 host
      $ node --max-old-space-size=4096 x.js
      Enter password:
      [sudo] password for me:
      password: string;
      const token = getToken();
      const token = await getToken(x1);
      if (token == null) return;
      let password = '';
      setToken(getToken(x1));
      export PASSWORD="\${DB_PASSWORD}"
      TOKEN=$(gh auth token)
      TOKEN=$TOKEN
      API_KEY=<your key>
      SECRET=********
      max_tokens=4096
      PASSWORD_FILE=/run/secrets/db1
      TOKEN_URL=https://x1
      PRIMARY_KEY=id1
      PRIVATE_KEY=/etc/ssl/k1.pem
      CACHE_KEY=abc123
      Use --token to pass a token
      --password PASSWORD   the password
      Bearer authentication is required
      Authorization: required
      sk-chasing-dot-before-animation
      task-1234567890-abcdefghijkl
      hf_hub_download
      npm_config_registry
      npm_package_version
      error TS2304: Cannot find name 'x'.
      12:34:56:78:9a:bc
      drwxr-xr-x 2 me me 4096 Nov 21 08:00 src
      Tests  318 passed (318)
      export function isPlaceholder(value: string): boolean {
      for (let i = 0; i < tokens.length; i++) {
      return tokens.map((token) => token.value);
      @@ -12,7 +12,7 @@ export class Token {
      +  password: hash(input),
      -  private readonly secret: Secret;
      SELECT id, password_hash FROM users WHERE id = 1;
      #include <openssl/ssl.h>
      def get_token(self, name: str) -> str:
      pub fn token(&self) -> &str {
      passwd: all authentication tokens updated successfully.
      pass --password on stdin
    `),
  ];
}
