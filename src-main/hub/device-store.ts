/** Where one hub keeps its devices: looked at within one view, changed within one commit. */
import type { Result } from '../lib/base/result.ts';
import type { Device } from './device.ts';

export interface DeviceCounts {
  readonly total: number;
  readonly enabled: number;
}

export interface TopicSubscription {
  readonly filter: string;
  readonly qos: 0 | 1;
}

export interface DeviceReader {
  get(deviceId: string): Device | undefined;
  /** In the order of device ids, beginning after the one given. */
  list(limit: number, afterId: string | undefined): readonly Device[];
  counts(): DeviceCounts;
  subscriptions(deviceId: string): readonly TopicSubscription[];
}

export interface DeviceWriter extends DeviceReader {
  /** Writes a new device or replaces the one of that id. */
  put(device: Device): void;
  /** Removes the device with its subscriptions. */
  remove(deviceId: string): void;
  /** All subscriptions of a kept session, replacing what was there. */
  keepSubscriptions(deviceId: string, subscriptions: readonly TopicSubscription[]): void;
  noteActivity(deviceId: string, lastActivityMs: number): void;
  noteModel(deviceId: string, modelId: string): void;
  noteConnection(deviceId: string, updatedMs: number): void;
}

export interface DeviceStore {
  read<T>(look: (devices: DeviceReader) => T): Result<T>;
  /** Committed and on disk when this returns; a failed result or a throw leaves nothing behind. */
  write<T>(change: (devices: DeviceWriter) => Result<T>): Result<T>;
}
