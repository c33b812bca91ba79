/** What the station is right now, as screens see it; each change is told at once. */
import type { Fault } from '../lib/base/fault.ts';
import type { StationView, TargetView } from '../contract/views.ts';

export interface LiveState {
  view(): StationView;
  /** Changes some of it and tells the whole when anything differs. */
  update(change: Partial<Omit<StationView, 'target'>>): void;
  /** A fault that is not given is taken away. */
  target(change: Partial<TargetView> & { readonly fault?: Fault | undefined }): void;
}

/** As the contract shows it: what support alone needs stays in the log. */
export function faultView({ code, say, hint }: Fault): NonNullable<StationView['fault']> {
  return { code, say, hint };
}

export function createLiveState(first: StationView, onChange: (view: StationView) => void): LiveState {
  let view = first;
  const change = (next: StationView): void => {
    if (JSON.stringify(next) === JSON.stringify(view)) return;
    view = next;
    onChange(view);
  };
  return Object.freeze({
    view: () => view,
    update: (part) => {
      change({ ...view, ...part });
    },
    target: ({ fault, ...part }) => {
      const { fault: before, ...target } = view.target;
      change({ ...view, target: { ...target, ...part, ...shown(fault) } });
    },
  } satisfies LiveState);
}

function shown(fault: Fault | undefined): Pick<StationView, 'fault'> {
  return fault === undefined ? {} : { fault: faultView(fault) };
}
