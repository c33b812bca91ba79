/** What one person chose for this window: look and loudness. It belongs to the PC, not to the station's records. */
import { z } from 'zod';
import type { Appearance, Browser } from '../bridge/browser.ts';

export const themes = ['system', 'light', 'dark'] as const;
export const contrasts = ['system', 'standard', 'more'] as const;
export type Theme = (typeof themes)[number];
export type Contrast = (typeof contrasts)[number];

const Saved = z.object({ theme: z.enum(themes), contrast: z.enum(contrasts), volume: z.number().min(0).max(1) });
const storageKey = 'preferences';

export class Preferences {
  theme = $state<Theme>('system');
  contrast = $state<Contrast>('system');
  volume = $state(0.5);
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
    const saved = Saved.safeParse(parsed(browser.read(storageKey)));
    if (!saved.success) return;
    this.theme = saved.data.theme;
    this.contrast = saved.data.contrast;
    this.volume = saved.data.volume;
  }

  /** Dresses the page and follows the system where it is asked to. */
  open(): () => void {
    const dress = (): void => this.#browser.dress(this.#appearance(dark.holds(), more.holds()));
    const dark = this.#browser.media('(prefers-color-scheme: dark)', () => dress());
    const more = this.#browser.media('(prefers-contrast: more)', () => dress());
    this.#dress = dress;
    dress();
    return () => {
      dark.stop();
      more.stop();
    };
  }

  set(change: { readonly theme?: Theme; readonly contrast?: Contrast; readonly volume?: number }): void {
    this.theme = change.theme ?? this.theme;
    this.contrast = change.contrast ?? this.contrast;
    this.volume = change.volume ?? this.volume;
    const { theme, contrast, volume } = this;
    this.#browser.write(storageKey, JSON.stringify({ theme, contrast, volume }));
    this.#dress();
  }

  #dress: () => void = () => undefined;

  #appearance(isDark: boolean, isMore: boolean): Appearance {
    const theme = this.theme === 'system' ? (isDark ? 'dark' : 'light') : this.theme;
    const contrast = this.contrast === 'system' ? (isMore ? 'more' : 'standard') : this.contrast;
    return { theme, contrast };
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null') as unknown;
  } catch {
    return undefined;
  }
}
