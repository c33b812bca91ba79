/** The shapes that stand for a state, and the tones that accompany them. */
export type ShapeName =
  'check-circle' | 'cross-octagon' | 'mark-triangle' | 'ring' | 'socket' | 'two-bars' | 'dashed' | 'half' | 'dot';

export type Tone = 'pass' | 'fail' | 'error' | 'accent' | 'muted';
