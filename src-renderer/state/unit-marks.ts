/** Shape and tone for the states that stand in tables; the word comes from words/. */
import type { OutboxState, UnitState } from '../../src-main/contract/views.ts';
import type { ShapeName } from '../widgets/shapes.ts';
import type { Tone } from '../widgets/shapes.ts';

export interface Mark {
  readonly shape: ShapeName;
  readonly tone: Tone;
  readonly fill?: number;
}

export const unitMarks: Readonly<Record<UnitState, Mark>> = {
  'in-work': { shape: 'ring', tone: 'accent', fill: 0.4 },
  interrupted: { shape: 'mark-triangle', tone: 'error' },
  failed: { shape: 'cross-octagon', tone: 'fail' },
  passed: { shape: 'check-circle', tone: 'pass' },
  enrolled: { shape: 'ring', tone: 'pass', fill: 0.33 },
  registered: { shape: 'ring', tone: 'pass', fill: 0.66 },
  seen: { shape: 'dot', tone: 'pass' },
};

export const outboxMarks: Readonly<Record<OutboxState, Mark>> = {
  pending: { shape: 'dashed', tone: 'muted' },
  sending: { shape: 'half', tone: 'accent' },
  sent: { shape: 'check-circle', tone: 'pass' },
  parked: { shape: 'mark-triangle', tone: 'error' },
};
