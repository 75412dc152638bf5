import { Command, Option } from 'clipanion';
import { checkCrqId, crqKey } from '../session/crq.ts';
import { UsageError } from '../session/errors.ts';
import type { Crq } from '../session/schema.ts';
import { type Bundle, type BundleCommit, type BundleSnapshot, readBundle } from '../flow/graph.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { ago, isAscii } from './table.ts';
import { page } from './page.ts';

export class GraphCommand extends SessionCommand {
  static override paths = [['graph']];
  static override usage = Command.Usage({
    description: 'Draw the commits that snapshots were taken on, and over each the snapshots and their CRQs.',
    details: 'git session graph [<options>]',
    examples: [
      ['The work on one change request', 'git session graph --crq CRQ-42'],
      ['As a picture', 'git session graph --format dot | dot -Tsvg > sessions.svg'],
    ],
  });

  crq = Option.String('--crq', { description: 'only the snapshots that are linked to this change request' });
  format = Option.String('--format', { description: 'text, json or dot' });

  async execute(): Promise<number> {
    const format = this.format ?? (this.json ? 'json' : 'text');
    if (!['text', 'json', 'dot'].includes(format) || (this.json && format !== 'json')) {
      throw new UsageError(
        `--format takes text, json or dot, not '${format}'${this.json ? ' with --json' : ''}`,
      );
    }
    const bundle = await readBundle(this.crq === undefined ? null : checkCrqId(this.crq));
    for (const s of bundle.commits.flatMap((c) => c.snapshots))
      if (s.error !== null) this.warn(s.error.message);
    if (format === 'json') this.printJson({ commits: bundle.commits.map(commitJson) });
    else if (format === 'dot') for (const line of dotLines(bundle)) this.out(line);
    else if (bundle.commits.length > 0) await page(`${textLines(bundle, isAscii()).join('\n')}\n`);
    else
      this.note(
        this.crq === undefined ? 'no sessions are saved here yet' : `nothing is linked to ${this.crq}`,
      );
    return 0;
  }
}

function textLines({ commits, lanes }: Bundle, ascii: boolean): string[] {
  const rows = new Map(lanes(ascii).map((row) => [row.oid, row]));
  return commits.flatMap((c) => {
    const row = rows.get(c.oid ?? '');
    const fiber = c.snapshots.map((s) => snapshotText(s, ascii));
    if (row === undefined)
      return [
        `? ${c.oid === null ? 'no commit' : `${c.oid.slice(0, 7)} (not in this repository)`}`,
        ...fiber.map((s) => `  ${s}`),
      ];
    const names = c.names.length === 0 ? '' : `(${safe(c.names.join(', '))}) `;
    return [
      `${row.node} ${row.oid.slice(0, 7)} ${names}${safe(c.subject ?? '')}`.trimEnd(),
      ...fiber.map((s) => `${row.below} ${s}`),
      ...row.links,
    ];
  });
}

function snapshotText(s: BundleSnapshot, ascii: boolean): string {
  const parts = [safe(s.form), s.savedAt === null ? '' : ago(s.savedAt)];
  parts.push(...s.crqs.map((c) => `[${safe(c.id)}]`));
  if (s.error === null) parts.push(safe((s.message ?? '').trim().split('\n')[0] ?? ''));
  else parts.push('damaged');
  return `  ${ascii ? 'o' : '◆'} ${parts.filter((p) => p !== '').join('  ')}`;
}

function commitJson(c: BundleCommit) {
  return {
    ...{ oid: c.oid, here: c.here, subject: c.subject, committed_at: c.committedAt, names: c.names },
    parents: c.parents,
    snapshots: c.snapshots.map((s) => ({
      ...{ snapshot: s.snapshot, name: s.name, remote: s.remote, id: s.id, ref: s.ref, oid: s.oid },
      ...{ saved_at: s.savedAt, message: s.message, branch: s.branch, crqs: s.crqs },
      ...(s.error === null ? {} : { error: s.error.toJSON().error }),
    })),
  };
}

/** Graphviz: commits point to their ancestors, snapshots to their commit, CRQs to their snapshots. */
function dotLines({ commits }: Bundle): string[] {
  const lines = ['digraph sessions {', '  rankdir=BT;', '  node [fontname="monospace"];'];
  const crqs = new Map<string, Crq>();
  for (const c of commits) {
    const commit = quoted(`commit ${c.oid ?? 'none'}`);
    const label =
      c.oid === null ? 'no commit' : `${c.oid.slice(0, 7)} ${c.subject ?? '(not in this repository)'}`;
    lines.push(`  ${commit} [shape=box, label=${quoted(label)}];`);
    for (const parent of c.parents) lines.push(`  ${commit} -> ${quoted(`commit ${parent}`)};`);
    for (const s of c.snapshots) {
      const snapshot = quoted(`snapshot ${s.snapshot}`);
      lines.push(`  ${snapshot} [shape=ellipse, label=${quoted(s.form)}];`, `  ${snapshot} -> ${commit};`);
      for (const crq of s.crqs) {
        crqs.set(crqKey(crq.id), crq);
        lines.push(`  ${quoted(`crq ${crqKey(crq.id)}`)} -> ${snapshot};`);
      }
    }
  }
  for (const [key, { id, title }] of crqs) {
    lines.push(
      `  ${quoted(`crq ${key}`)} [shape=note, label=${quoted(title === null ? id : `${id}: ${title}`)}];`,
    );
  }
  return [...lines, '}'];
}

/** A quoted string of DOT, where a backslash begins an escape. */
function quoted(text: string): string {
  return `"${safe(text).replace(/[\\"]/gu, (c) => `\\${c}`)}"`;
}
