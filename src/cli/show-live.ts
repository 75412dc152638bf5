import { displayText } from '../session/text.ts';
import { isRevived, type LiveView } from '../flow/live.ts';
import type { InspectedLive } from '../flow/show-live.ts';
import { safe } from '../trust/safe.ts';
import { aiJson, commandText, isoTime, recordJson } from './live-json.ts';
import { ago, date } from './table.ts';

/** What there is to say about a session of which nothing was saved. */
export function liveJson({ view, ai, accessedAt }: InspectedLive) {
  const { stored, judgement, job, tmux } = view;
  return {
    ...recordJson(stored!.record),
    session_name: view.name,
    ...{ status: judgement?.status ?? null, exit_code: judgement?.exitCode ?? null },
    reason: judgement?.reason ?? null,
    start_time: isoTime(job?.start) ?? stored!.record.createdAt,
    end_time: isoTime(job?.end),
    pid: job === null ? (tmux?.pane.pid ?? null) : job.pid,
    attached_clients: tmux?.attachedClients ?? 0,
    ...{ createdAt: stored!.record.createdAt, lastAccessedAt: accessedAt?.toISOString() ?? null },
    snapshot: null,
    ai_context: aiJson(ai),
  };
}

export function liveLines(view: LiveView): string[] {
  const { record } = view.stored!;
  const { status = 'unknown', exitCode = null, reason = null } = view.judgement ?? {};
  const rows: [string, string][] = [
    ['ID', record.id],
    [
      'Status',
      safe([status, exitCode === null ? null : `exit ${exitCode}`, reason].filter(Boolean).join(', ')),
    ],
    ['Command', safe((isRevived(view) ? null : commandText(record.argv)) ?? 'a shell')],
    ['Directory', safe(displayText(record.cwd))],
    ['Started', safe(`${date(record.createdAt)} (${ago(record.createdAt)})`)],
    ...(record.branch === null ? [] : [['Branch', safe(record.branch)] as [string, string]]),
    ...Object.entries(record.metadata).map(([key, value]): [string, string] => [
      'Note',
      safe(`${key}=${value}`),
    ]),
    ['Saved', 'never: git session save'],
  ];
  return [`session ${safe(view.name)}`, ...rows.map(([name, text]) => `${`${name}:`.padEnd(11)}${text}`)];
}
