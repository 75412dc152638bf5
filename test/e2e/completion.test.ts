import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';

const folder = path.resolve(import.meta.dirname, '../../completions');
const files = ['git-session.bash', '_git-session', 'git-session.fish'] as const;
const text = (file: string) => readFileSync(path.join(folder, file), 'utf8');
const help = (...args: string[]) => execFileSync(PROGRAM, args, { encoding: 'utf8' });

const commands = [...help('-h').matchAll(/^ {3}([a-z]+) /gmu)].map((m) => m[1]!);
/** The long options of a command, and the other form of those that are on by default. */
const options = new Map(
  commands.map((command) => {
    const found = [...help(command, '-h').matchAll(/^ {4}(?:-\w, )?--(\[no-\])?([a-z-]+)(?=(=?))/gmu)];
    return [
      command,
      found.flatMap(([, no, name, value]) => [
        `--${name}`,
        ...(no === undefined || value === '=' ? [] : [`--no-${name}`]),
      ]),
    ];
  }),
);

const GIT_COMPLETION = '/usr/share/bash-completion/completions/git';
/** The part of git's completion that ours calls, as git defines it. */
const STUBS = `
__git () { git "$@" 2>/dev/null; }
__gitcomp_nl () { local IFS=$'\\n'; COMPREPLY=($(compgen -W "$1" -- "\${3-$cur}")); }
__gitcomp () { COMPREPLY=($(compgen -W "$1" -- "\${3-$cur}")); }
__git_wrap__git_main () {
  words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur="\${words[cword]}"; prev="\${words[cword-1]}"; _git_session
}`;

async function inRepository(): Promise<{ ann: Person; repo: string }> {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'remote', 'add', 'upstream', ann.dir);
  await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
  await ann.ok(repo, 'save', '--crq', 'CRQ-42');
  await ann.ok(repo, 'save', 'feature/login');
  const [oid] = (await ann.git(repo, 'for-each-ref', '--format=%(objectname)', 'refs/sessions/work')).split(
    '\n',
  );
  const id = '20260131T120000000Z-01234567';
  for (const name of ['remote-sessions/upstream/theirs', 'sessions/$(touch${IFS}pwned)']) {
    await ann.git(repo, 'update-ref', `refs/${name}/${id}/snapshot`, oid!);
  }
  return { ann, repo };
}

describe.each(files)('completions/%s', (file) => {
  it('has every command and every long option', () => {
    const missing = [...options].flatMap(([command, names]) => {
      // A part for each command, but for the words around them.
      const own = text(file)
        .split(file === 'git-session.fish' ? /\n(?=complete)/u : /\n\t*(?=\(?[a-z]+\) ?)/u)
        .filter((part) =>
          file === 'git-session.fish'
            ? part.includes(`using ${command}'`)
            : part.replace('(', '').startsWith(`${command})`),
        )
        .join('\n');
      const has = (name: string) =>
        file === 'git-session.fish'
          ? own.includes(` -l ${name.slice(2)} `)
          : new RegExp(`${name}(?![a-z-])`, 'u').test(own);
      return names.filter((name) => !has(name)).map((name) => `${command} ${name}`);
    });
    expect(commands.length).toBeGreaterThan(15);
    expect(missing).toEqual([]);
    expect(commands.filter((command) => !text(file).includes(command))).toEqual([]);
  });
});

describe.each([
  ["git's own completion", existsSync(GIT_COMPLETION) ? `source ${GIT_COMPLETION}` : null],
  ['stubs', STUBS],
])('in bash with %s', (_, loaded) => {
  it.skipIf(loaded === null)('completes commands, options, references and values', async () => {
    const { ann, repo } = await inRepository();
    const lines = [
      ['git session rest', ['restore']],
      ['git session restore --work', ['--worktree', '--worktree=']],
      ['git session save --no-', ['--no-detect-crq', '--no-sign', '--no-work']],
      ['git session restore ', ['feature/login', 'upstream/theirs', 'work']],
      ['git session show work/2', [expect.stringMatching(/^work\/\d{8}T\d{9}Z-[0-9a-f]{8}$/u)]],
      ['git session save ', ['feature/login', 'work']],
      ['git session save -t ', ['work']],
      ['git session push ', ['upstream']],
      ['git session push upstream w', ['work']],
      ['git session link work ', ['CRQ-42']],
      ['git session list --crq=', ['CRQ-42']],
      ['git session export --format=js', ['json', 'jsonl']],
      ['git session crq ', ['list', 'show']],
    ] as const;
    // Words as bash splits them: "=" is a word of its own.
    const script = `${loaded}
source ${folder}/git-session.bash
while read -r line; do
  COMP_LINE=$line
  [[ $line == *'|' ]] && COMP_LINE=\${line%|}
  COMP_POINT=\${#COMP_LINE}
  eval "COMP_WORDS=(\${COMP_LINE//=/ = })"
  [[ $COMP_LINE == *' ' || $COMP_LINE == *= ]] && COMP_WORDS+=('')
  ${loaded === STUBS ? 'eval "COMP_WORDS=($COMP_LINE)"; [[ $COMP_LINE == *" " ]] && COMP_WORDS+=("")' : ':'}
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  __git_wrap__git_main
  echo "$(printf '%s\\n' "\${COMPREPLY[@]}" | sed 's/ *$//' | sort -u | tr '\\n' ' ')"
done`;
    const input = `${lines.map(([line]) => `${line}|`).join('\n')}\n`;
    const { stdout, stderr } = await ann.run('bash', ['--norc', '-c', script], { cwd: repo, input });
    expect(stderr).toBe('');
    const offered = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(' '));
    expect(lines.map(([line], i) => [line, offered[i]])).toEqual(lines.map(([line, words]) => [line, words]));
    expect(existsSync(path.join(repo, 'pwned'))).toBe(false);
  });
});

const isInstalled = (program: string) =>
  ['/bin', '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'].some((dir) =>
    existsSync(path.join(dir, program)),
  );

describe('in zsh', () => {
  it.skipIf(!isInstalled('zsh'))('completes a command, an option and a reference', async () => {
    const { ann, repo } = await inRepository();
    mkdirSync(path.join(ann.home, 'zsh'));
    symlinkSync(path.join(folder, '_git-session'), path.join(ann.home, 'zsh/_git-session'));
    const settings = "fpath=(~/zsh $fpath)\nautoload -Uz compinit && compinit -D -u\nPS1='$ '\n";
    writeFileSync(path.join(ann.home, '.zshrc'), settings);
    await ann.tmux(
      'new-session',
      '-d',
      '-s',
      'zsh',
      '-x',
      '120',
      '-y',
      '40',
      '-c',
      repo,
      '-e',
      `PATH=${ann.env['PATH']}`,
      'zsh',
    );
    const line = async () => (await ann.screen('zsh:')).trimEnd().split('\n').at(-1) ?? '';
    await waitFor(async () => (await line()).startsWith('$'), 'the prompt');
    const completed = async (typed: string, expected: string) => {
      await ann.tmux('send-keys', '-t', 'zsh:', '-l', typed);
      await waitFor(async () => (await line()).endsWith(typed), 'what was typed to be shown');
      await ann.tmux('send-keys', '-t', 'zsh:', 'Tab');
      await waitFor(async () => (await line()).includes(expected), `'${typed}' to become '${expected}'`);
      await ann.tmux('send-keys', '-t', 'zsh:', 'C-c');
      await waitFor(async () => (await line()).trim() === '$', 'the next prompt');
    };
    await completed('git session resto', '$ git session restore');
    await completed('git session restore --autos', '$ git session restore --autostash');
    await completed('git session show upstr', '$ git session show upstream/theirs');
    expect(existsSync(path.join(repo, 'pwned'))).toBe(false);
  });
});

describe('in fish', () => {
  it.skipIf(!isInstalled('fish'))('completes commands, options, references and values', async () => {
    const { ann, repo } = await inRepository();
    mkdirSync(path.join(ann.home, '.config/fish/conf.d'), { recursive: true });
    symlinkSync(
      path.join(folder, 'git-session.fish'),
      path.join(ann.home, '.config/fish/conf.d/git-session.fish'),
    );
    const lines = [
      ['git session resto', ['restore']],
      ['git-session resto', ['restore']],
      ['git -C . session restore --autos', ['--autostash']],
      ['git session show ', ['feature/login', 'upstream/theirs', 'work']],
      ['git session save -t ', ['work']],
      ['git session export --format=js', ['--format=json', '--format=jsonl']],
      ['git session push up', ['upstream']],
      ['git chec', ['checkout']],
    ] as const;
    const script = lines
      .map(([line]) => `complete -C '${line}' | string split -f1 \\t | sort | string join ' '`)
      .join('; ');
    const { stdout, stderr } = await ann.run('fish', ['-c', script], { cwd: repo });
    expect(stderr).toBe('');
    const offered = stdout
      .trimEnd()
      .split('\n')
      .map((words) => words.split(' '));
    expect(lines.map(([line], i) => [line, offered[i]])).toEqual(lines.map(([line, words]) => [line, words]));
    expect(existsSync(path.join(repo, 'pwned'))).toBe(false);
  });
});
