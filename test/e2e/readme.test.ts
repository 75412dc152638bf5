import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Person, temporaryFolder } from '../support/harness.ts';

/**
 * Runs every command of the README's console blocks, in order, and compares what it prints with what the README says it
 * prints, but for ids, times and places. A line `...` stands for any lines. `UPDATE_README=1` writes what is printed now.
 * Before a block, `<!-- test: as bob -->` says who types, and `<!-- test: <event> -->` lets something happen.
 */
const README = path.resolve(import.meta.dirname, '../../README.md');
const BRANCH = 'feature/CRQ-42-retry';

interface Command {
  who: string;
  events: string[];
  line: string;
  /** Lines of the README that hold what it prints. */
  from: number;
  output: string[];
}

function commandsOf(lines: string[]): Command[] {
  const commands: Command[] = [];
  let who = '';
  let events: string[] = [];
  let inBlock = false;
  for (const [i, line] of lines.entries()) {
    const [, name, event] = /^<!-- test: (?:as (\w+)|(.+)) -->$/u.exec(line) ?? [];
    if (name !== undefined) who = name;
    if (event !== undefined) events.push(event);
    if (line.startsWith('```')) inBlock = line === '```console';
    else if (inBlock && line.startsWith('$ ')) {
      commands.push({ who, events, line: line.slice(2), from: i + 1, output: [] });
      events = [];
    } else if (inBlock) commands.at(-1)!.output.push(line);
  }
  return commands;
}

/** What differs from run to run. */
function mask(line: string): string {
  return line
    .replaceAll(/\d{8}T\d{9}Z-[0-9a-f]{8}/gu, '<id>')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gu, '<uuid>')
    .replaceAll(/-\d{14}\b/gu, '-<time>')
    .replaceAll(/\b[0-9a-f]{7,64}\b/gu, '<oid>')
    .replaceAll(/\d+[smh] ago/gu, '<ago>')
    .replaceAll(/\b\d+[smh](?: \d+[ms])?(?= |$)/gu, '<duration>')
    .replaceAll(/\w{3} \w{3} +\d+ [\d:]{8} \d{4} [+-]\d{4}/gu, '<date>')
    .replaceAll(/\d{4}-\d\d-\d\d(?:T[\d:.]+Z| [\d:]{8})/gu, '<date>')
    .replaceAll(/\((?:linux|darwin) \w+, tmux [^,]+, git-session [^)]+\)/gu, '(<versions>)')
    .replaceAll(/\s+/gu, ' ')
    .trimEnd();
}

function matches(expected: string[], actual: string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0;
  if (first === '...') return actual.some((_, i) => matches(rest, actual.slice(i))) || rest.length === 0;
  return actual.length > 0 && mask(first) === mask(actual[0]!) && matches(rest, actual.slice(1));
}

/** What is printed now, with a `...` where there was one. */
function elide(before: string[], actual: string[]): string[] {
  const gap = before.indexOf('...');
  if (gap < 0 || !matches(before, actual)) return actual;
  const after = before.length - gap - 1;
  return [...actual.slice(0, gap), '...', ...actual.slice(actual.length - after)];
}

class World {
  readonly root = temporaryFolder();
  readonly people = new Map(['ann', 'bob'].map((name) => [name, new Person(name, this.root)]));
  readonly ann = this.people.get('ann')!;

  async begin(): Promise<void> {
    const { ann } = this;
    await ann.git(this.root, 'init', '-q', '--bare', 'hub.git');
    await ann.git(ann.dir, 'init', '-q', 'shop');
    const repo = path.join(ann.dir, 'shop');
    await ann.git(repo, 'remote', 'add', 'origin', path.join(this.root, 'hub.git'));
    this.write('docs/crq/CRQ-42.md', '# CRQ-42: Retry payments that time out\n\n## Status: Open\n');
    this.write('docs/crq/CRQ-7.md', '# CRQ-7: Log every payment\n\n## Status: Open\n');
    this.write('src/pay.js', "console.log('paying');\n");
    this.write('src/server.js', "require('node:http').createServer((q, a) => a.end('ok')).listen(0);\n");
    await ann.git(repo, 'add', '.');
    await ann.git(repo, 'commit', '-qm', 'Take payments');
    await ann.git(repo, 'push', '-q', '-u', 'origin', 'main');
    const bob = this.people.get('bob')!;
    await bob.git(bob.dir, 'clone', '-q', path.join(this.root, 'hub.git'), 'shop');
    await ann.git(repo, 'switch', '-qc', BRANCH);
    this.write('src/pay.js', "console.log('paying, three times at most');\n");
    await ann.git(repo, 'commit', '-qam', 'Retry three times');
    this.write('src/pay.js', "console.log('paying, three times at most, with a pause');\n");
    await ann.git(repo, 'add', 'src');
    this.write('src/pay.js', "console.log('paying, three times at most, with a longer pause');\n");
    this.write('notes.md', 'The bank answers 504 after 30 s.\n');
    await ann.tmux('new-session', '-d', '-s', 'shop', '-n', 'code', '-x', '120', '-y', '36', '-c', repo);
    await ann.tmux('split-window', '-h', '-l', '44', '-t', 'shop:code', '-c', path.join(repo, 'src'));
    await ann.tmux('send-keys', '-t', 'shop:code.1', 'tail -f pay.js', 'Enter');
    await ann.tmux('new-window', '-t', 'shop', '-n', 'server', '-c', repo);
    await ann.tmux('send-keys', '-t', 'shop:server', 'node src/server.js', 'Enter');
    await ann.waitForCommand('shop:code.1', 'tail');
    await ann.waitForCommand('shop:server', 'node');
  }

  write(file: string, text: string): void {
    const target = path.join(this.ann.dir, 'shop', file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }

  async happen(event: string): Promise<void> {
    if (event === 'reboot') await this.ann.killServer();
    else if (event === 'work') {
      this.write('src/pay.js', "console.log('paying, three times at most, 200 ms apart');\n");
      await this.ann.tmux('new-window', '-t', 'shop', '-n', 'notes', '-c', path.join(this.ann.dir, 'shop'));
      await this.ann.tmux('send-keys', '-t', 'shop:notes', 'tail -f notes.md', 'Enter');
      await this.ann.waitForCommand('shop:notes', 'tail');
    } else throw new Error(`README.md: what is '${event}'?`);
  }

  async type({ who, line }: Command): Promise<string[]> {
    const person = this.people.get(who);
    if (person === undefined) throw new Error(`README.md: who types '${line}'?`);
    const { code, stdout } = await person.run('/bin/bash', ['-c', `{ ${line}\n} 2>&1`], {
      cwd: path.join(person.dir, 'shop'),
    });
    if (code !== 0) throw new Error(`'${line}' ended with exit code ${code}\n${stdout}`);
    const text = stdout.replaceAll(this.root, '/home').replaceAll(hostname(), 'laptop');
    return text === '' ? [] : text.replace(/\n+$/u, '').split('\n');
  }
}

test('every command of the README works and prints what the README says', { timeout: 120_000 }, async () => {
  const lines = readFileSync(README, 'utf8').split('\n');
  const commands = commandsOf(lines);
  expect(commands.length).toBe(lines.filter((line) => line.startsWith('$ ')).length);
  expect(commands.length).toBeGreaterThan(20);
  const world = new World();
  await world.begin();
  const wrong: string[] = [];
  let moved = 0;
  for (const command of commands) {
    for (const event of command.events) await world.happen(event);
    const actual = await world.type(command);
    if (!matches(command.output, actual))
      wrong.push(`$ ${command.line}`, ...actual, '--- and not', ...command.output, '');
    const shown = elide(command.output, actual);
    lines.splice(command.from + moved, command.output.length, ...shown);
    moved += shown.length - command.output.length;
  }
  if (process.env['UPDATE_README'] !== undefined) writeFileSync(README, lines.join('\n'));
  else expect(wrong.join('\n')).toBe('');
});
