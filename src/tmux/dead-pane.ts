/**
 * Whether tmux has written a last line of its own (`Pane is dead (...)`) on the screen of a pane. To make room for it
 * tmux scrolls, and a short output is gone from the screen: so panes of runs have an empty `remain-on-exit-format`,
 * with which tmux writes nothing. 3.2 has no such option, and always writes.
 */
export const HAS_DEAD_LINE = '#{&&:#{pane_dead},#{||:#{m:3.2*,#{version}},#{remain-on-exit-format}}}';
