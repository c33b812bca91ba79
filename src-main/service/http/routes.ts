/** From a method and a path to a handler: case-insensitive, a slash at the end is passed over (rule 14). */
import { withoutSlashesAtEnd } from '../../lib/base/path.ts';
import { decodedOnce } from '../../lib/base/percent.ts';
import type { WebReply, WebRequest } from '../../lib/listen/https-server.ts';

export interface RoutedRequest {
  readonly request: WebRequest;
  /** The path's variable parts, percent-decoded once, in order. */
  readonly names: readonly string[];
  /** The JSON body; undefined when it is empty. */
  readonly json: unknown;
}

export type Handler = (routed: RoutedRequest) => Promise<WebReply>;

export interface Route {
  readonly method: string;
  readonly path: RegExp;
  /** How many: most routes are told apart by it, before their paths are looked at. */
  readonly segments: number;
  readonly handle: Handler;
}

/** `*` in a template is one segment. */
export function route(method: string, template: string, handle: Handler): Route {
  const pattern = template.replaceAll('*', '([^/]+)');
  return { method, path: new RegExp(`^${pattern}$`, 'i'), segments: segmentsOf(template), handle };
}

function segmentsOf(path: string): number {
  return path.split('/').length;
}

export type Found =
  | { readonly is: 'route'; readonly route: Route; readonly names: readonly string[] }
  | { readonly is: 'wrong-method' }
  | { readonly is: 'nothing' };

export function findRoute(routes: readonly Route[], request: WebRequest): Found {
  const path = withoutSlashesAtEnd(request.path);
  const segments = segmentsOf(path);
  let isKnown = false;
  for (const candidate of routes) {
    if (candidate.segments !== segments) continue;
    const match = candidate.path.exec(path);
    if (match === null) continue;
    if (candidate.method !== request.method) {
      isKnown = true;
      continue;
    }
    const names = match.slice(1).map(decodedOnce);
    if (names.every((name) => name !== undefined)) return { is: 'route', route: candidate, names };
  }
  return isKnown ? { is: 'wrong-method' } : { is: 'nothing' };
}
