/** The browser as a part: the only file that reads `window` and its neighbours. */
import type { StationPort } from './client.ts';

export interface Appearance {
  readonly theme: 'light' | 'dark';
  readonly contrast: 'standard' | 'more';
}

export interface Browser {
  readonly station: StationPort | undefined;
  read(key: string): string | undefined;
  write(key: string, value: string): void;
  /** Whether a media query holds now; `changed` is told whenever it turns. */
  media(query: string, changed: () => void): { readonly holds: () => boolean; readonly stop: () => void };
  dress(look: Appearance): void;
  readonly copy: (text: string) => Promise<boolean>;
  /** Every key before anything on the page sees it. */
  keys(hear: (event: KeyboardEvent) => void): () => void;
}

interface StationWindow {
  readonly station?: StationPort;
}

export function browserOf(page: Window): Browser {
  const { station } = page as unknown as StationWindow;
  const root = page.document.documentElement;
  return {
    station,
    read: (key) => page.localStorage.getItem(key) ?? undefined,
    write: (key, value) => page.localStorage.setItem(key, value),
    media(query, changed) {
      const list = page.matchMedia(query);
      list.addEventListener('change', changed);
      return { holds: () => list.matches, stop: () => list.removeEventListener('change', changed) };
    },
    dress(look) {
      root.dataset['theme'] = look.theme;
      root.dataset['contrast'] = look.contrast;
    },
    copy: async (text) => {
      try {
        await page.navigator.clipboard.writeText(text);
        return true;
      } catch {
        // Without the focus or the permission the text stays where it can be selected by hand.
        return false;
      }
    },
    keys(hear) {
      page.addEventListener('keydown', hear, { capture: true });
      return () => page.removeEventListener('keydown', hear, { capture: true });
    },
  };
}
