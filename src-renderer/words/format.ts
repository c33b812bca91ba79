/** Numbers and times as people of the language in use write them. */
import { words } from './words.ts';

const locale = words.locale;
const number = new Intl.NumberFormat(locale);
const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const exact = new Intl.DateTimeFormat(locale, {
  year: 'numeric',
  month: 'long',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'long',
});

export const count = (value: number): string => number.format(value);
export const share = (value: number): string => percent.format(value);
export const timeOfDay = (ms: number): string => clock.format(ms);
export const moments = (ms: number): string => moment.format(ms);
/** With seconds and the zone: what stands behind a short time on hover. */
export const exactly = (ms: number): string => exact.format(ms);

/** `0.4 s`, `12 s`, `3:05 min`: short enough for a card, never without a unit. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 10) return words.units.seconds(seconds.toFixed(1));
  if (seconds < 90) return words.units.seconds(Math.round(seconds).toString());
  const minutes = Math.floor(seconds / 60);
  const rest = Math.floor(seconds % 60);
  return words.units.minutes(`${minutes}:${rest.toString().padStart(2, '0')}`);
}
