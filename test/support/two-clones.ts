import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { forge, plainSnapshot } from './forge.ts';
import { Person, temporaryFolder } from './harness.ts';

export interface World {
  ann: Person;
  bob: Person;
  /** The bare repository that both push to. */
  origin: string;
  /** Their clones. */
  a: string;
  b: string;
}

/** Two people with homes of their own and one bare repository. */
export async function world(): Promise<World> {
  const root = temporaryFolder();
  const [ann, bob] = [new Person('ann', root), new Person('bob', root)];
  const origin = path.join(root, 'origin.git');
  await ann.git(root, 'init', '-q', '--bare', origin);
  const a = await ann.repo();
  await ann.git(a, 'remote', 'add', 'origin', origin);
  await ann.git(a, 'push', '-q', '-u', 'origin', 'main');
  const b = path.join(bob.dir, 'repo');
  await bob.git(bob.dir, 'clone', '-q', origin, b);
  return { ann, bob, origin, a, b };
}

/** A snapshot of the session `work`; the time keeps the ids apart. */
export async function save(who: Person, repo: string, n: number, name = 'work'): Promise<string> {
  const head = await who.git(repo, 'rev-parse', 'HEAD');
  const value = { ...plainSnapshot(head), message: `${who.home} ${n}` };
  const time = `20261121T08${String(n).padStart(2, '0')}00000Z`;
  const { id } = await forge(who, repo, value, { name, time, parent: head });
  return id;
}

export async function refs(who: Person, repo: string, prefix = 'refs/sessions'): Promise<string[]> {
  const out = await who.git(repo, 'for-each-ref', '--format=%(refname)', prefix);
  return out === '' ? [] : out.split('\n');
}

export function hook(origin: string, name: string, script: string): void {
  const file = path.join(origin, 'hooks', name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}
