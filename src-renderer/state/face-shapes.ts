/** Each face's shape: what a person who does not tell red from green goes by. */
import type { ShapeName } from '../widgets/shapes.ts';
import type { Face } from './slot-face.ts';

export const faceShapes: Readonly<Record<Face, ShapeName>> = {
  pass: 'check-circle',
  fail: 'cross-octagon',
  error: 'mark-triangle',
  working: 'ring',
  ready: 'socket',
  empty: 'dashed',
  hold: 'two-bars',
  learn: 'socket',
};
