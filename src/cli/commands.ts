import type { CommandClass } from 'clipanion';
import { nearestName } from '../session/nearest.ts';

export interface CommandEntry {
  /** The command's own name, where this entry is another word for it. */
  name?: string;
  /** Group in the overview; absent for other words. */
  group?: 'live' | 'life' | 'work' | 'look' | 'share' | 'crq' | 'other';
  summary?: string;
  /** It always opens the repository, so that can begin before the command is loaded. */
  repository?: true;
  /** Asks what takes others a while, before the command is loaded; ends when all of it was asked, and never fails. */
  ahead?: () => Promise<void>;
  /**
   * It ends in somebody else's command line, which begins behind so many arguments of its own; where its first word
   * decides, by that word. An option `--session` stands for one of them.
   */
  ownArguments?: number | Record<string, number>;
  /** Behind this word `-h` is `--horizontal`, as tmux has it, and not the help. */
  horizontal?: string;
  /** Only the command that is asked for is loaded: the others' start-up is not paid for. */
  load: () => Promise<CommandClass>;
}

const save = async () => (await import('./save.ts')).SaveCommand;
const restore = async () => (await import('./restore.ts')).RestoreCommand;
const list = async () => (await import('./list.ts')).ListCommand;
const askForList = async () => (await import('../flow/listing-ahead.ts')).askAhead();
const create = async () => (await import('./create.ts')).CreateCommand;
const remove = async () => (await import('./delete.ts')).DeleteCommand;
const init = async () => (await import('./init.ts')).InitCommand;
const uninit = async () => (await import('./uninit.ts')).UninitCommand;

export const COMMANDS: Record<string, CommandEntry> = {
  run: {
    repository: true,
    group: 'live',
    ownArguments: 0,
    summary: 'Run a command in a new tmux session',
    load: async () => (await import('./run.ts')).RunCommand,
  },
  create: { repository: true, group: 'live', summary: 'Make a tmux session with a shell', load: create },
  new: { name: 'create', repository: true, load: create },
  start: {
    repository: true,
    group: 'life',
    summary: 'Start a session that was only made',
    load: async () => (await import('./start.ts')).StartCommand,
  },
  pause: {
    repository: true,
    group: 'life',
    summary: 'Pause a session, and say why',
    load: async () => (await import('./pause.ts')).PauseCommand,
  },
  resume: {
    repository: true,
    group: 'life',
    summary: 'Go on with a session that was paused',
    load: async () => (await import('./resume.ts')).ResumeCommand,
  },
  iterate: {
    repository: true,
    group: 'life',
    summary: 'Begin or end an iteration, and note what it has changed',
    load: async () => (await import('./iterate.ts')).IterateCommand,
  },
  complete: {
    repository: true,
    group: 'life',
    summary: 'Note that a session has done its work',
    load: async () => (await import('./complete.ts')).CompleteCommand,
  },
  fail: {
    repository: true,
    group: 'life',
    summary: 'Note that a session has failed',
    load: async () => (await import('./fail.ts')).FailCommand,
  },
  event: {
    repository: true,
    group: 'life',
    summary: "Append an event to a session's log",
    load: async () => (await import('./event.ts')).EventCommand,
  },
  state: {
    repository: true,
    group: 'life',
    summary: 'Print the state of a session',
    load: async () => (await import('./state.ts')).StateCommand,
  },
  progress: {
    repository: true,
    group: 'life',
    summary: 'Show how far a session has come',
    load: async () => (await import('./progress.ts')).ProgressCommand,
  },
  events: {
    repository: true,
    group: 'life',
    summary: 'Print the events of a session',
    load: async () => (await import('./events.ts')).EventsCommand,
  },
  flush: {
    repository: true,
    group: 'life',
    summary: 'Put the events of sessions into git',
    load: async () => (await import('./flush.ts')).FlushCommand,
  },
  states: {
    group: 'life',
    summary: 'Print the states and the events that lead from one to another',
    load: async () => (await import('./states.ts')).StatesCommand,
  },
  attach: {
    group: 'live',
    summary: 'Show a session in this terminal',
    load: async () => (await import('./attach.ts')).AttachCommand,
  },
  switch: {
    group: 'live',
    summary: 'Show another live session in this terminal of tmux',
    load: async () => (await import('./switch.ts')).SwitchCommand,
  },
  detach: {
    repository: true,
    group: 'live',
    summary: 'Take terminals away from a session',
    load: async () => (await import('./detach.ts')).DetachCommand,
  },
  exec: {
    repository: true,
    group: 'live',
    ownArguments: 1,
    summary: 'Run a command in a live session, here to see',
    load: async () => (await import('./exec.ts')).ExecCommand,
  },
  send: {
    group: 'live',
    summary: 'Type a line into a session',
    load: async () => (await import('./send.ts')).SendCommand,
  },
  wait: {
    repository: true,
    group: 'live',
    summary: 'Wait until sessions have ended',
    load: async () => (await import('./wait.ts')).WaitCommand,
  },
  history: {
    repository: true,
    group: 'live',
    summary: 'Print or search what a session has printed',
    load: async () => (await import('./history.ts')).HistoryCommand,
  },
  status: {
    repository: true,
    group: 'live',
    summary: 'Show the worktrees with changes, activity and sessions',
    load: async () => (await import('./status.ts')).StatusCommand,
  },
  kill: {
    repository: true,
    group: 'live',
    summary: 'End sessions with all that runs in them',
    load: async () => (await import('./kill.ts')).KillCommand,
  },
  window: {
    repository: true,
    group: 'live',
    ownArguments: { new: 2 },
    summary: 'List, make, close, select and rename windows',
    load: async () => (await import('./window.ts')).WindowCommand,
  },
  pane: {
    repository: true,
    group: 'live',
    ownArguments: { split: 2 },
    horizontal: 'split',
    summary: 'List, split, close and focus panes, or type into one',
    load: async () => (await import('./pane.ts')).PaneCommand,
  },
  adopt: {
    repository: true,
    group: 'live',
    summary: 'Give a tmux session a record',
    load: async () => (await import('./adopt.ts')).AdoptCommand,
  },
  save: {
    repository: true,
    group: 'work',
    summary: 'Save a tmux session with its commit and uncommitted work',
    load: save,
  },
  checkpoint: {
    repository: true,
    group: 'work',
    summary: 'Save a live session as a point to go back to',
    load: async () => (await import('./checkpoint.ts')).CheckpointCommand,
  },
  rollback: {
    repository: true,
    group: 'work',
    summary: 'Put worktree and session back to a checkpoint',
    load: async () => (await import('./rollback.ts')).RollbackCommand,
  },
  restore: { repository: true, group: 'work', summary: 'Bring a saved session back', load: restore },
  list: { group: 'look', summary: 'List live and saved sessions', ahead: askForList, load: list },
  ls: { name: 'list', ahead: askForList, load: list },
  show: {
    repository: true,
    group: 'look',
    summary: 'Show one snapshot: windows, panes, commands',
    load: async () => (await import('./show.ts')).ShowCommand,
  },
  log: {
    repository: true,
    group: 'look',
    summary: 'Show the snapshots of a session, newest first',
    load: async () => (await import('./log.ts')).LogCommand,
  },
  diff: {
    repository: true,
    group: 'look',
    summary: 'Compare two snapshots',
    load: async () => (await import('./diff.ts')).DiffCommand,
  },
  graph: {
    repository: true,
    group: 'look',
    summary: 'Draw commits, and the snapshots and CRQs over them',
    load: async () => (await import('./graph.ts')).GraphCommand,
  },
  gc: {
    repository: true,
    group: 'other',
    summary: 'End idle sessions, and remove what is old',
    load: async () => (await import('./gc.ts')).GcCommand,
  },
  recover: {
    repository: true,
    group: 'other',
    summary: 'Put right what a crash has left',
    load: async () => (await import('./recover.ts')).RecoverCommand,
  },
  fsck: {
    repository: true,
    group: 'other',
    summary: 'Check snapshots, logs and records, and repair them',
    load: async () => (await import('./fsck.ts')).FsckCommand,
  },
  migrate: {
    repository: true,
    group: 'other',
    summary: 'Bring files of older versions to the present form',
    load: async () => (await import('./migrate.ts')).MigrateCommand,
  },
  rename: {
    group: 'work',
    summary: 'Give a session another name',
    load: async () => (await import('./rename.ts')).RenameCommand,
  },
  delete: { group: 'work', summary: 'Delete a session or a snapshot', load: remove },
  rm: { name: 'delete', load: remove },
  forget: {
    repository: true,
    group: 'work',
    summary: 'Remove a saved secret everywhere it can be removed',
    load: async () => (await import('./forget.ts')).ForgetCommand,
  },
  allow: {
    group: 'work',
    summary: 'Let a snapshot start its commands when it is restored',
    load: async () => (await import('./allow.ts')).AllowCommand,
  },
  deny: {
    group: 'work',
    summary: 'Start nothing of a snapshot on this machine',
    load: async () => (await import('./deny.ts')).DenyCommand,
  },
  init: { group: 'share', summary: 'Set this clone up for plain git fetch and git log', load: init },
  setup: { name: 'init', load: init },
  uninit: { group: 'share', summary: 'Take away what init has set', load: uninit },
  push: {
    group: 'share',
    summary: 'Push sessions and CRQ notes',
    load: async () => (await import('./push.ts')).PushCommand,
  },
  fetch: {
    group: 'share',
    summary: 'Fetch sessions and CRQ notes',
    load: async () => (await import('./fetch.ts')).FetchCommand,
  },
  sync: {
    group: 'share',
    summary: 'Fetch, merge the CRQ notes, push',
    load: async () => (await import('./sync.ts')).SyncCommand,
  },
  scan: {
    repository: true,
    group: 'share',
    summary: 'Look for secrets in what was saved',
    load: async () => (await import('./scan.ts')).ScanCommand,
  },
  export: {
    group: 'share',
    summary: 'Write a snapshot to a file',
    load: async () => (await import('./export.ts')).ExportCommand,
  },
  import: {
    group: 'share',
    summary: 'Store a snapshot from a file',
    load: async () => (await import('./import.ts')).ImportCommand,
  },
  link: {
    group: 'crq',
    summary: 'Link a snapshot to change requests',
    load: async () => (await import('./link.ts')).LinkCommand,
  },
  unlink: {
    group: 'crq',
    summary: 'Take such a link away',
    load: async () => (await import('./unlink.ts')).UnlinkCommand,
  },
  crq: {
    group: 'crq',
    summary: 'List change requests, or show one',
    load: async () => (await import('./crq.ts')).CrqCommand,
  },
  schema: {
    group: 'other',
    summary: 'Print the JSON Schema of a snapshot',
    load: async () => (await import('./schema.ts')).SchemaCommand,
  },
  config: {
    group: 'other',
    summary: 'List the settings with their origin, or import them',
    load: async () => (await import('./config.ts')).ConfigCommand,
  },
  hooks: {
    group: 'other',
    summary: 'Print hooks for coding agents, so that their conversations come back',
    load: async () => (await import('./hooks.ts')).HooksCommand,
  },
  doctor: {
    group: 'other',
    summary: 'Check tmux, git, node and the configuration',
    load: async () => (await import('./doctor.ts')).DoctorCommand,
  },
};

/** The command that was most likely meant; null where none is near. */
export function nearest(word: string): string | null {
  return word.startsWith('-') ? null : nearestName(word, Object.keys(COMMANDS));
}
