import type { Key, KeyName } from './keys.ts';
import { clusters } from './width.ts';

/** How a picker ended without a choice. After an interrupt (Ctrl-C) a program ends as by that signal. */
export type Cancelled = 'escape' | 'interrupt';
/** Positions in the list of what was to choose from. */
export type PickedRows = { chosen: number[] } | { cancelled: Cancelled };

export interface PickerState {
  readonly labels: readonly string[];
  readonly multiple: boolean;
  readonly query: string;
  /** What the query leaves, the best first, as positions in `labels`. */
  readonly matches: readonly number[];
  /** The current row and the first one that is shown, as positions in `matches`. */
  readonly at: number;
  readonly top: number;
  /** Positions in `labels`: a mark stays when the query hides its row. */
  readonly marked: ReadonlySet<number>;
}

export function startPicker(labels: readonly string[], multiple: boolean): PickerState {
  return { labels, multiple, query: '', matches: matching(labels, ''), at: 0, top: 0, marked: new Set() };
}

/** What a key does in a list of which `height` rows are shown. */
export function press(
  state: PickerState,
  key: Key,
  height: number,
): { next: PickerState } | { picked: PickedRows } {
  if ('text' in key) return { next: search(state, state.query + key.text) };
  if (key.name === 'interrupt' || key.name === 'escape') return { picked: { cancelled: key.name } };
  if (key.name !== 'enter') return { next: scrolled(moved(state, key.name, height), height) };
  const chosen = chosenRows(state);
  return chosen.length === 0 ? { next: state } : { picked: { chosen } };
}

function moved(state: PickerState, name: KeyName, height: number): PickerState {
  const page = Math.max(1, height - 1);
  switch (name) {
    case 'up':
      return go(state, state.at - 1);
    case 'down':
      return go(state, state.at + 1);
    case 'page-up':
      return go(state, state.at - page);
    case 'page-down':
      return go(state, state.at + page);
    case 'home':
      return go(state, 0);
    case 'end':
      return go(state, state.matches.length - 1);
    case 'tab':
      return go(mark(state), state.at + 1);
    case 'back-tab':
      return go(mark(state), state.at - 1);
    case 'backspace':
      return search(state, clusters(state.query).slice(0, -1).join(''));
    case 'delete-word':
      return search(state, state.query.replace(/\S*\s*$/u, ''));
    case 'clear':
      return search(state, '');
    default:
      return state;
  }
}

/** The marked rows in the order of the list, or else the current one. */
function chosenRows(state: PickerState): number[] {
  if (state.marked.size > 0) return [...state.marked].toSorted((a, b) => a - b);
  const current = state.matches[state.at];
  return current === undefined ? [] : [current];
}

function go(state: PickerState, at: number): PickerState {
  return { ...state, at: Math.max(0, Math.min(at, state.matches.length - 1)) };
}

function mark(state: PickerState): PickerState {
  const row = state.matches[state.at];
  if (!state.multiple || row === undefined) return state;
  const marked = new Set(state.marked);
  if (!marked.delete(row)) marked.add(row);
  return { ...state, marked };
}

function search(state: PickerState, query: string): PickerState {
  if (query === state.query) return state;
  return { ...state, query, matches: matching(state.labels, query), at: 0, top: 0 };
}

/** The state with its current row among the `height` rows that are shown; as few blank rows as can be. */
export function scrolled(state: PickerState, height: number): PickerState {
  const rows = Math.max(1, height);
  const last = Math.max(0, state.matches.length - rows);
  const top = Math.min(last, Math.max(state.at - rows + 1, Math.min(state.top, state.at)));
  return top === state.top ? state : { ...state, top };
}

/**
 * Positions of the labels in which every word of the query is found, the best first: at the start of a word,
 * anywhere, or at least its letters in that order. Capital letters count where the query has some.
 */
export function matching(labels: readonly string[], query: string): number[] {
  const words = query
    .normalize('NFC')
    .split(/\s+/u)
    .filter((word) => word !== '');
  if (words.length === 0) return labels.map((_, i) => i);
  const exact = words.map((word) => word !== word.toLowerCase());
  const found: { row: number; score: number }[] = [];
  labels.forEach((label, row) => {
    const text = label.normalize('NFC');
    const folded = text.toLowerCase();
    let score = 0;
    words.forEach((word, i) => (score += scoreOf(exact[i] === true ? text : folded, word)));
    if (score < Infinity) found.push({ row, score });
  });
  return found.toSorted((a, b) => a.score - b.score || a.row - b.row).map(({ row }) => row);
}

/** Less is better; letters that are far apart come last. */
function scoreOf(text: string, word: string): number {
  let from = text.indexOf(word);
  if (from >= 0) {
    for (; from >= 0; from = text.indexOf(word, from + 1)) {
      if (from === 0 || /[^\p{L}\p{N}]/u.test(text[from - 1]!)) return 0;
    }
    return 1;
  }
  let end = -1;
  let first = -1;
  for (const c of word) {
    end = text.indexOf(c, end + 1);
    if (end < 0) return Infinity;
    if (first < 0) first = end;
  }
  return 2 + end - first;
}

/**
 * An answer to a numbered menu that shows `rows`: numbers (`2`, with `multiple` also `1 3-5`), nothing for no
 * choice, or else text to search for.
 */
export function menuAnswer(
  labels: readonly string[],
  rows: readonly number[],
  answer: string,
  multiple: boolean,
): { picked: PickedRows } | { rows: number[] } {
  const text = answer.trim();
  if (text === '') return { picked: { cancelled: 'escape' } };
  const chosen = numbered(rows, text);
  if (chosen !== null && (multiple || chosen.length === 1)) return { picked: { chosen } };
  return { rows: matching(labels, text) };
}

function numbered(rows: readonly number[], text: string): number[] | null {
  const chosen = new Set<number>();
  for (const part of text.split(/[\s,]+/u)) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/u.exec(part);
    if (match === null) return null;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (from < 1 || to > rows.length || from > to) return null;
    for (let n = from; n <= to; n++) chosen.add(rows[n - 1]!);
  }
  return [...chosen].toSorted((a, b) => a - b);
}
