/** The fault switch over REST, under the hub's own key; it works whatever the fault is. */
import { ok } from '../lib/base/result.ts';
import type { WebRequest } from '../lib/listen/https-server.ts';
import type { Outcome } from './device-changes.ts';
import { faultWishOf, type FaultSwitch } from './fault-switch.ts';
import { objectBody, type Answer, type Route } from './web-answer.ts';

export interface FaultApiParts {
  readonly faults: FaultSwitch;
}

const path = /^\/benchline\/v1\/fault$/i;

export const faultRoutes: readonly Route<FaultApiParts>[] = [
  ['GET', path, ({ faults }) => ok({ json: faults.view() })],
  ['PUT', path, setFault],
  ['DELETE', path, clearFault],
];

function setFault({ faults }: FaultApiParts, request: WebRequest): Outcome<Answer> {
  const wish = faultWishOf(objectBody(request));
  if (!wish.ok) return wish;
  faults.set(wish.value.fault, wish.value.forS);
  return ok({ json: faults.view() });
}

function clearFault({ faults }: FaultApiParts): Outcome<Answer> {
  faults.clear();
  return ok({});
}
