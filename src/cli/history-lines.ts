import { type FoundLine, type Search, searchLines } from '../flow/history-grep.ts';
import type { History, PaneHistory } from '../flow/history-read.ts';
import { safe } from '../trust/safe.ts';

/** What was found in one pane; never nothing. */
export interface Match {
  history: History;
  pane: PaneHistory;
  lines: FoundLine[];
}

/** One pane is printed as it is; several each under a line that says which. */
export function historyLines(histories: readonly History[], isAll: boolean): string[] {
  return histories.flatMap((history, i) => {
    const heading = isAll ? [...(i === 0 ? [] : ['']), `==> ${safe(history.name)} <==`] : [];
    const panes = history.panes.flatMap((pane, n) => {
      if (history.panes.length === 1) return pane.lines;
      return [...(n === 0 ? [] : ['']), paneHeading(pane), ...pane.lines];
    });
    return [...heading, ...panes];
  });
}

/** As in a saved history. */
function paneHeading({ pane, command }: PaneHistory): string {
  return `=== ${[pane ?? '', safe(command)].filter((part) => part !== '').join(' ')} ===`;
}

export async function search(history: History, wanted: Search): Promise<Match[]> {
  const found: Match[] = [];
  for (const pane of history.panes) {
    const lines = await searchLines(pane.lines, wanted);
    if (lines.length > 0) found.push({ history, pane, lines });
  }
  return found;
}

/** In grep's form: `session:12:text`, `session-11-context`. The pane is named where the session has several. */
export function matchLines(matches: readonly Match[], isAll: boolean): string[] {
  const hasContext = matches.some((m) => m.lines.some((line) => !line.isMatch));
  return matches.flatMap(({ history, pane, lines }, i) => {
    const several = history.panes.length > 1;
    const place = [
      ...(isAll ? [safe(history.name)] : []),
      ...(several && pane.pane !== null ? [pane.pane] : []),
    ];
    return lines.flatMap((line, n) => {
      const mark = line.isMatch ? ':' : '-';
      const at = String(line.number + pane.skipped);
      const isApart = line.apart || (hasContext && n === 0 && i > 0);
      return [
        ...(isApart ? ['--'] : []),
        `${[...place, at].map((part) => `${part}${mark}`).join('')}${line.text}`,
      ];
    });
  });
}

export function historyJson({ id, name, source, from, panes }: History) {
  let at = 0;
  const where = panes.map(({ pane, command, lines }) => {
    const first = at;
    at += lines.length;
    return { pane, command, first, lines: lines.length };
  });
  return { session: name, id, source, from, panes: where, lines: panes.flatMap((p) => p.lines) };
}

export function matchJson(matches: readonly Match[]) {
  return matches.flatMap(({ history, pane, lines }) =>
    lines.map((line) => ({
      ...{ session: history.name, id: history.id, source: history.source, pane: pane.pane },
      ...{ line: line.number + pane.skipped, text: line.text, match: line.isMatch },
    })),
  );
}
