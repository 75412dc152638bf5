// Builds what is shipped: node scripts/build.mjs [--fast|--man]. With --fast, no type declarations and no man page; with
// --man, that page alone.
import { execFile } from 'node:child_process';
import * as crypto from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const run = promisify(execFile);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const at = (...parts) => path.join(root, ...parts);
const fast = process.argv.includes('--fast');
const { version } = JSON.parse(await readFile(at('package.json'), 'utf8'));

/** Nothing is built in place: a program that runs meanwhile sees the old file or the new one. */
async function write(file, contents) {
  const target = at(file);
  const temporary = `${target}.${process.pid}.tmp`;
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(temporary, contents);
  await rename(temporary, target);
}

const common = {
  absWorkingDir: root,
  bundle: true,
  write: false,
  metafile: true,
  platform: 'node',
  target: 'node20',
  charset: 'ascii',
  legalComments: 'none',
  logLevel: 'warning',
  define: { __VERSION__: JSON.stringify(version) },
};
/**
 * clipanion loads node:tty, which costs 5 ms of every start, for the one case where it prints in color. It never
 * does here (its help and errors are our own), so its copy of tty is loaded at the first use.
 */
const lazyTty = {
  name: 'lazy-tty',
  setup(bundle) {
    bundle.onResolve({ filter: /^tty$/ }, ({ importer }) =>
      importer.includes('clipanion') ? { path: 'tty', namespace: 'lazy-tty' } : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: 'lazy-tty' }, () => ({
      contents: `Object.defineProperty(exports, 'WriteStream', { get: () => require('node:tty').WriteStream });`,
    }));
  },
};
/** node:crypto costs 6 ms of a start, and most commands that only look need nothing of it: it is loaded at the first use. */
const lazyCrypto = {
  name: 'lazy-crypto',
  setup(bundle) {
    bundle.onResolve({ filter: /^(?:node:)?crypto$/ }, ({ namespace }) =>
      namespace === 'lazy-crypto' ? undefined : { path: 'crypto', namespace: 'lazy-crypto' },
    );
    bundle.onLoad({ filter: /.*/, namespace: 'lazy-crypto' }, () => ({
      contents: Object.keys(crypto)
        .filter((name) => name !== 'default')
        .map(
          (name) =>
            `Object.defineProperty(exports, '${name}', { enumerable: true, get: () => node().${name} });`,
        )
        .concat("const node = () => require('node:crypto');")
        .join('\n'),
    }));
  },
};
/** secretlint's rules are a file of their own: hardly a command needs them, and each start would read them. */
const DETECTORS = '@secretlint/secretlint-rule-preset-recommend';
const detectorsApart = {
  name: 'detectors-apart',
  setup(bundle) {
    bundle.onResolve({ filter: /^@secretlint\// }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: './detectors.cjs', external: true },
    );
  },
};
/** One CommonJS file; `import()` becomes a `require` that runs the module at its first use and not before. */
const program = {
  ...common,
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  supported: { 'dynamic-import': false },
  plugins: [lazyTty, lazyCrypto, detectorsApart],
};
const textOf = (result) => result.outputFiles[0].text;

async function buildProgram() {
  const [cli, launcher, detectors] = await Promise.all([
    build({ ...program, entryPoints: ['src/cli/main.ts'] }),
    build({ ...program, entryPoints: ['src/launch.ts'] }),
    build({ ...program, entryPoints: [DETECTORS] }),
  ]);
  // esbuild escapes strings, and leaves regular expressions as they are.
  const source = textOf(cli).replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const launch = textOf(launcher);
  // V8 takes a code cache for right when the source has the same length, so the cache is named by this hash.
  const hash = crypto.createHash('sha256').update(source).update(launch).digest('hex').slice(0, 16);
  await write('dist/THIRD-PARTY.txt', await notices(cli.metafile, detectors.metafile));
  await write('dist/detectors.cjs', textOf(detectors));
  await write('dist/cli.cjs', `/*${hash}*/${source}`);
  await write('dist/launch.cjs', launch);
  await removeCaches(hash);
}

async function removeCaches(hash) {
  const directory = at('dist', '.cache');
  const names = existsSync(directory) ? await readdir(directory) : [];
  const stale = names.filter((name) => !name.startsWith(hash));
  await Promise.all(stale.map((name) => rm(path.join(directory, name), { force: true })));
}

/** The licenses of the packages whose code is in the bundle ask to go along with it. */
async function notices(...metafiles) {
  const packages = new Set();
  for (const input of metafiles.flatMap(({ inputs }) => Object.keys(inputs))) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) packages.add(match[1]);
  }
  const parts = [...packages]
    .toSorted((a, b) => a.localeCompare(b, 'en'))
    .map(async (directory) => {
      const manifest = JSON.parse(await readFile(at(directory, 'package.json'), 'utf8'));
      const file = (await readdir(at(directory))).find((name) => /^(licen[cs]e|copying)/i.test(name));
      const text = file ? await readFile(at(directory, file), 'utf8') : `License: ${manifest.license}`;
      return `${manifest.name} ${manifest.version}\n\n${text.trim()}\n`;
    });
  return `dist/cli.cjs and dist/detectors.cjs hold code of these packages.\n\n${(await Promise.all(parts)).join(`\n${'-'.repeat(72)}\n\n`)}`;
}

async function buildLibrary() {
  const library = await build({
    ...common,
    entryPoints: ['src/index.ts'],
    format: 'esm',
    packages: 'external',
  });
  await write('dist/index.mjs', textOf(library));
}

async function buildSchema() {
  const script = await build({ ...common, entryPoints: ['scripts/schema.ts'], format: 'esm' });
  const { snapshotJsonSchema } = await import(
    `data:text/javascript;base64,${Buffer.from(textOf(script)).toString('base64')}`
  );
  await write('dist/snapshot.schema.json', `${JSON.stringify(snapshotJsonSchema(), null, 2)}\n`);
}

async function buildMan() {
  const source = 'docs/git-session.1.md';
  if (!existsSync(at(source))) {
    console.warn(`build: no man page, because ${source} does not exist`);
    return;
  }
  const program = at('node_modules', 'marked-man', 'bin', 'marked-man.js');
  const options = ['--version', `git-session ${version}`, '--manual', 'Git Session Manual'];
  const env = { ...process.env, SOURCE_DATE_EPOCH: await dateOf(source) };
  const { stdout } = await run(process.execPath, [program, ...options, source], { cwd: root, env });
  await write('man/man1/git-session.1', forMan(stdout));
}

/** marked-man leaves what marked has made of quotes, and words that hardly a line has room for. */
function forMan(page) {
  const breakable = (word) => word.replace(/,(?=\S)|:(?=refs)/g, String.raw`$&\:`);
  return page
    .replaceAll('&#39;', String.raw`\(aq`)
    .replaceAll('&quot;', String.raw`\(dq`)
    .split('\n')
    .flatMap((line) => {
      const broken = line.startsWith('.') ? line : line.replace(/\S{45,}/g, breakable);
      // Such a line is not blown up to the right margin, of which man would warn.
      return broken === line ? [line] : ['.na', broken, '.ad'];
    })
    .join('\n');
}

/** When the text last changed, so that the same text gives the same page. */
async function dateOf(file) {
  if (process.env.SOURCE_DATE_EPOCH) return process.env.SOURCE_DATE_EPOCH;
  const commit = await run('git', ['log', '-1', '--format=%ct', '--', file], { cwd: root }).catch(
    () => undefined,
  );
  return commit?.stdout.trim() || String(Math.floor((await stat(at(file))).mtimeMs / 1000));
}

async function buildTypes() {
  const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
  try {
    await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
  } catch (error) {
    throw new Error(`tsc found errors\n${error.stdout ?? error.message}`, { cause: error });
  }
  // tsc leaves the .ts of our imports in declarations; only .js is understood everywhere.
  for (const entry of await readdir(at('dist', 'types'), { recursive: true })) {
    if (!entry.endsWith('.d.ts')) continue;
    const text = await readFile(at('dist', 'types', entry), 'utf8');
    await write(path.join('dist', 'types', entry), text.replace(/(['"]\.\.?\/[^'"]*)\.ts(['"])/g, '$1.js$2'));
  }
  // The package has no "type", and these describe an ES module.
  await write('dist/types/package.json', '{ "type": "module" }\n');
}

const steps = process.argv.includes('--man')
  ? [buildMan()]
  : [buildProgram(), buildLibrary(), buildSchema(), ...(fast ? [] : [buildMan(), buildTypes()])];
const failed = (await Promise.allSettled(steps)).filter((step) => step.status === 'rejected');
for (const { reason } of failed) console.error(`build: ${reason?.message ?? reason}`);
if (failed.length > 0) process.exitCode = 1;
