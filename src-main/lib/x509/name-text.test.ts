import fc from 'fast-check';
import { expect, it } from 'vitest';
import { der, derOid, tag } from './der.ts';
import { textOfName } from './name-text.ts';
import { Name } from './peculiar.ts';

const general = (nameDer: Uint8Array): string => new Name(Uint8Array.from(nameDer)).toString();
type Text = Readonly<Record<string, string>>;
/** Each value by its kind of text: as a bare word the parser would take marks and escapes in it for its own. */
const derOf = (members: readonly Readonly<Record<string, Text>>[]): Uint8Array =>
  new Uint8Array(
    new Name(members.map((one) => Object.fromEntries(Object.entries(one).map(([k, v]) => [k, [v]])))).toArrayBuffer(),
  );
const words = (members: Readonly<Record<string, string>>): Readonly<Record<string, Text>> =>
  Object.fromEntries(Object.entries(members).map(([type, utf8String]) => [type, { utf8String }]));

it('gives the text that the general parser gives, whatever the name holds', () => {
  const type = fc.constantFrom('CN', 'C', 'O', 'OU', 'L', 'DC', 'E', '2.5.4.5');
  const odd = fc.constantFrom(
    ' a',
    'a ',
    'a,b',
    'a+b',
    'a"b',
    'a\\b',
    'a;b',
    '<a>',
    'a=b',
    'é',
    'a\nb',
    'press-17',
    '_',
    '-',
    'a  b',
    '""',
    '#61',
    '\\',
  );
  const kind = fc.constantFrom('utf8String', 'utf8String', 'printableString', 'ia5String');
  const member = fc.tuple(type, kind, fc.oneof(odd, fc.string({ minLength: 1, maxLength: 12 })));
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 4 }), (members) => {
      const nameDer = derOf(members.map(([name, text, value]) => ({ [name]: { [text]: value } })));
      expect(textOfName(nameDer)).toBe(general(nameDer));
    }),
  );
});

it('knows a device and its line without the general parser', () => {
  const nameDer = derOf([{ O: 'Contoso Works' }, { OU: 'Line 7' }, { CN: 'press-17' }].map(words));
  expect(textOfName(nameDer)).toBe('O=Contoso Works, OU=Line 7, CN=press-17');
});

it('leaves a name of two attributes at one place to the general parser', () => {
  const nameDer = derOf([words({ CN: 'a', O: 'b' })]);
  expect(textOfName(nameDer)).toBe(general(nameDer));
});

it('shows the bytes of a name that nobody can read', () => {
  const broken = '300f310b30090602ae39200308450f3100';
  expect(() => general(Buffer.from(broken, 'hex'))).toThrow();
  expect(textOfName(Buffer.from(broken, 'hex'))).toBe(`#${broken}`);
});

it('never throws, whatever a peer calls itself', () => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
  const value = fc.tuple(fc.integer({ min: 0, max: 255 }), bytes(8)).map(([kind, body]) => der(kind, body));
  const type = fc.oneof(
    fc.constant(derOid('2.5.4.3')),
    bytes(6).map((body) => der(tag.oid, body)),
  );
  const whole = fc.tuple(type, value).map((parts) => der(tag.sequence, ...parts));
  const attribute = fc.oneof({ weight: 8, arbitrary: whole }, { weight: 1, arbitrary: bytes(6) });
  const set = fc.array(attribute, { maxLength: 2 }).map((attributes) => der(tag.set, ...attributes));
  const name = fc.array(set, { maxLength: 3 }).map((sets) => der(tag.sequence, ...sets));
  fc.assert(
    fc.property(fc.oneof(name, bytes(40)), (nameDer) => {
      expect(typeof textOfName(nameDer)).toBe('string');
    }),
    { numRuns: 1_000 },
  );
});
