/** Which registration has which device at which hub: one row a place, so that the database itself keeps them apart. */
import { sql, type Kysely } from 'kysely';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { Plan } from '../core/records.ts';
import { query } from './queries.ts';
import type { Tables } from './schema.ts';

export interface Places {
  /** False when another registration has it. */
  take(db: WriteDb, plan: Pick<Plan & { readonly is: 'assign' }, 'hub' | 'deviceId'>, registrationKey: string): boolean;
  /** What the registration had taken, but for where its device lives. */
  leaveOthers(db: WriteDb, registrationKey: string): void;
  holder(db: ReadDb, hub: string, deviceId: string): string | undefined;
}

interface PlaceKey {
  readonly hub: string;
  readonly device_id: string;
}

export function placesOver(db: Kysely<Tables>): Places {
  const take = query((place: PlaceKey & { readonly registration_key: string } & Record<string, string>) =>
    db
      .insertInto('device_places')
      .values({ hub: place.hub, device_id: place.device_id, registration_key: place.registration_key })
      .onConflict((taken) =>
        taken
          .columns(['hub', 'device_id'])
          .doUpdateSet({ registration_key: place.registration_key })
          .where('device_places.registration_key', '=', place.registration_key),
      ),
  );
  const leaveOthers = query(({ registration_key }: { readonly registration_key: string }) =>
    db
      .deleteFrom('device_places')
      .where('registration_key', '=', registration_key)
      .where(
        sql<boolean>`NOT EXISTS (SELECT 1 FROM registrations AS r WHERE r.key = device_places.registration_key
          AND r.assigned_hub = device_places.hub AND r.device_id = device_places.device_id)`,
      ),
  );
  const holder = query((place: PlaceKey & Record<string, string>) =>
    db
      .selectFrom('device_places')
      .select('registration_key')
      .where('hub', '=', place.hub)
      .where('device_id', '=', place.device_id),
  );
  return {
    take: (change, { hub, deviceId }, registrationKey) =>
      take.run(change, { hub, device_id: deviceId, registration_key: registrationKey }) > 0,
    leaveOthers(change, registrationKey) {
      leaveOthers.run(change, { registration_key: registrationKey });
    },
    holder: (look, hub, deviceId) => holder.first(look, { hub, device_id: deviceId })?.registration_key,
  };
}
