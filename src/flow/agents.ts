import path from 'node:path';
import { type AgentFact, agentKey } from '../session/agent-resume.ts';
import { keptArgv, parseAgentArgv } from '../session/agent-argv.ts';
import { startedAs } from '../session/agent.ts';
import { fromSnapshotPath, type Places } from '../session/paths.ts';
import type { RestorePlan } from '../session/plan.ts';
import type { Relaunch, StartCommand } from '../session/relaunch.ts';
import type { PaneAgent, Snapshot } from '../session/schema.ts';
import type { Text } from '../session/text.ts';
import {
  aiderHistory,
  type AgentPlaces,
  agentPlaces,
  claudeSlug,
  claudeTranscript,
  findClaudeTranscript,
  hasChat,
  hasOpencode,
  hasRollout,
  isFile,
  physical,
} from '../process/agent-files.ts';
import { copyTranscript } from '../process/agent-transcript.ts';
import type { InspectedAgent } from '../process/agents.ts';

/**
 * What a snapshot holds of an agent. `clean` takes secrets out of its command line: one that had any is not started
 * as it was, so it is not kept.
 */
export function describeAgent(
  agent: InspectedAgent,
  relaunch: Relaunch,
  start: StartCommand | null,
  clean: (argv: Text[]) => { argv: Text[]; findings: unknown[] },
): PaneAgent {
  const { name, conversation, confidence, evidence } = agent;
  const began = startedAs(agent, relaunch, start);
  const kept = began && keptArgv(began, conversation !== null);
  const argv = kept !== null && clean(kept).findings.length === 0 ? kept : null;
  return { name, conversation, confidence, evidence, argv };
}

/** What there is of the saved conversations on this machine, with the directories as this restore maps them. */
export function agentFacts(snapshot: Snapshot, to: Places): Map<string, AgentFact> {
  const facts = new Map<string, AgentFact>();
  const places = agentPlaces((name) => process.env[name]);
  if (places === null) return facts;
  for (const w of snapshot.tmux.windows) {
    for (const p of w.panes) {
      if (p.agent === null || p.agent.conversation === null) continue;
      const cwd = fromSnapshotPath(p.cwd, to);
      if (cwd === null) continue;
      const directory = physical(cwd.toString('utf8'));
      facts.set(agentKey(w.index, p.index), factOf(p.agent, p.agent.conversation, directory, places));
    }
  }
  return facts;
}

function factOf({ name, argv }: PaneAgent, id: string, cwd: string, places: AgentPlaces): AgentFact {
  const known = (there: boolean): AgentFact => ({ state: there ? 'here' : 'missing' });
  switch (name) {
    case 'claude': {
      const to = claudeTranscript(places, cwd, id);
      if (isFile(to)) return known(true);
      const from = findClaudeTranscript(places, id);
      if (from === null) return known(false);
      // The name of a long directory is cut there, and ends in a hash that we do not know.
      const [found, slug] = [path.basename(path.dirname(from)), claudeSlug(cwd)];
      if (slug.length > 200) return known(found.startsWith(slug.slice(0, 200)));
      return { state: 'elsewhere', from, to };
    }
    case 'codex':
      return known(hasRollout(places, id));
    case 'gemini':
      return known(hasChat(places, id));
    case 'opencode':
      return known(hasOpencode(places));
    case 'aider':
      return known(
        isFile(aiderHistory(cwd, argv === null ? null : (parseAgentArgv(argv)?.historyFile ?? null))),
      );
  }
}

/** Copies the transcripts that a plan needs elsewhere, and says what came of it. Never stops a restore. */
export function carryTranscripts(plan: RestorePlan, notes: string[], warnings: string[]): void {
  for (const pane of plan.windows.flatMap((w) => w.panes)) {
    if (pane.transcript === null || (pane.steps.length === 0 && pane.prefill === null && pane.start === null))
      continue;
    const label = `pane ${pane.window}.${pane.pane}`;
    try {
      copyTranscript(pane.transcript.from, pane.transcript.to, physical(pane.cwd.toString('utf8')));
      notes.push(`${label}: its conversation was copied to this directory`);
    } catch (error) {
      warnings.push(`${label}: its conversation could not be copied here: ${(error as Error).message}`);
    }
  }
}
