import type { AgentName, AgentState } from './agent.ts';

/** What the user installs, so that an agent says by itself which conversation it has, and what it does. */
export interface AgentHooks {
  agent: AgentName;
  /** Where it goes. */
  file: string;
  /** To be merged into that file where it exists, or the whole file. */
  content: string;
  merge: boolean;
  /** What else there is to be done. */
  notes: string[];
}

/**
 * Prints the id in the hook's input and nothing else. In JSON a bare quote can't stand inside a text, so a key behind
 * `{` or `,` is a key; the first one is that of the event itself. What is no plain id is not taken. All of the input
 * is read: some agents complain where a hook does not.
 */
const READ_ID =
  String.raw`LC_ALL=C awk '!f&&match($0,/(^|[{,])[ \t]*"session_id"[ \t]*:[ \t]*"[A-Za-z0-9_.][A-Za-z0-9._-]*"/)` +
  String.raw`{f=1;s=substr($0,RSTART,RLENGTH);sub(/"$/,"",s);sub(/.*"/,"",s);if(length(s)<129)print s}'`;

/** Hooks run while the agent waits: quiet, never failing, and without effect outside tmux. */
function inTmux(body: string): string {
  return `if [ -n "$TMUX_PANE" ]; then ${body}; else cat; fi >/dev/null 2>&1; exit 0`;
}

const SET = 'tmux set-option -p -t "$TMUX_PANE"';

function setState(state: AgentState): string {
  return inTmux(`cat; ${SET} @git-session-agent-state ${state}`);
}

/** Takes the id from the input, or from a variable of the agent where the input has none. */
function setId(agent: AgentName, state: AgentState | null, variable: string | null = null): string {
  const other = variable === null ? '' : `; case "\${id:=$${variable}}" in -*|*[!A-Za-z0-9._-]*) id=;; esac`;
  const also = state === null ? '' : `; ${SET} @git-session-agent-state ${state}`;
  return inTmux(
    `id=$(${READ_ID})${other}; if [ -n "$id" ]; then ${SET} @git-session-agent "${agent}:$id"; fi${also}`,
  );
}

const FORGET = inTmux(`cat; ${SET} -u @git-session-agent; ${SET} -u @git-session-agent-state`);

type Entry = [event: string, command: string, matcher?: string];

function hooksJson(entries: readonly Entry[], more: object = {}): string {
  const hooks: Record<string, object[]> = {};
  for (const [event, command, matcher] of entries) {
    const entry = { ...(matcher === undefined ? {} : { matcher }), hooks: [{ type: 'command', command }] };
    hooks[event] = [...(hooks[event] ?? []), entry];
  }
  return `${JSON.stringify({ ...more, hooks }, null, 2)}\n`;
}

const OPENCODE = `// Tells tmux which conversation this pane has. From: git session hooks print opencode
import { execFile } from 'node:child_process';

export const GitSession = async () => {
  const pane = process.env.TMUX_PANE;
  const set = (name, value) =>
    new Promise((done) => {
      if (!pane) return done();
      execFile('tmux', ['set-option', '-p', '-t', pane, name, value], () => done());
    });
  const children = new Set();
  return {
    event: async ({ event }) => {
      const { info, sessionID } = event?.properties ?? {};
      const created = event?.type === 'session.created' || event?.type === 'session.updated';
      const id = created ? info?.id : sessionID;
      if (typeof id !== 'string' || !/^[A-Za-z0-9_.][A-Za-z0-9._-]{0,127}$/.test(id)) return;
      // A subagent's conversation is not the one that the user has.
      if (created && info.parentID) children.add(id);
      if (children.has(id)) return;
      if (created || event.type === 'session.idle') await set('@git-session-agent', 'opencode:' + id);
      if (event.type === 'session.idle') await set('@git-session-agent-state', 'idle');
      if (event.type === 'permission.updated' || event.type === 'permission.asked')
        await set('@git-session-agent-state', 'waiting');
      if (event.type === 'permission.replied') await set('@git-session-agent-state', 'working');
      if (event.type === 'session.status' && event.properties.status?.type === 'busy')
        await set('@git-session-agent-state', 'working');
    },
  };
};
`;

/** The hooks of an agent; null where it has none. */
export function agentHooks(agent: AgentName): AgentHooks | null {
  switch (agent) {
    case 'claude':
      return {
        ...{ agent, file: '~/.claude/settings.json', merge: true, notes: [] },
        content: hooksJson([
          // A conversation that is made shorter goes on working.
          ['SessionStart', setId(agent, 'idle'), 'startup|resume|clear|fork'],
          ['SessionStart', setId(agent, null), 'compact'],
          ['UserPromptSubmit', setId(agent, 'working')],
          ['PostToolUse', setState('working')],
          ['Notification', setState('waiting')],
          ['Stop', setState('idle')],
          ['SessionEnd', FORGET],
        ]),
      };
    case 'codex':
      return {
        ...{ agent, file: '~/.codex/hooks.json', merge: true },
        content: hooksJson([
          ['SessionStart', setId(agent, 'idle')],
          ['UserPromptSubmit', setId(agent, 'working')],
          ['PermissionRequest', setState('waiting')],
          ['PostToolUse', setState('working')],
          ['Stop', setState('idle')],
        ]),
        notes: [
          'Codex runs hooks only where ~/.codex/config.toml has, below [features], codex_hooks = true',
          'it asks once whether it may trust them: /hooks',
        ],
      };
    case 'gemini':
      return {
        ...{ agent, file: '~/.gemini/settings.json', merge: true },
        content: hooksJson([
          ['SessionStart', setId(agent, 'idle', 'GEMINI_SESSION_ID')],
          ['BeforeAgent', setId(agent, 'working', 'GEMINI_SESSION_ID')],
          ['Notification', setState('waiting')],
          ['AfterTool', setState('working')],
          ['AfterAgent', setState('idle')],
          ['SessionEnd', FORGET],
        ]),
        notes: ['older versions of Gemini CLI run hooks only where "tools" has "enableHooks": true'],
      };
    case 'opencode':
      return {
        ...{ agent, file: '~/.config/opencode/plugins/git-session.js', content: OPENCODE, merge: false },
        notes: ['older versions of opencode look in ~/.config/opencode/plugin'],
      };
    case 'aider':
      return null;
  }
}
