import fc from 'fast-check';
import { expect, it } from 'vitest';
import { textOfName } from './name-text.ts';
import { Name } from './peculiar.ts';

const general = (der: Uint8Array): string => new Name(Uint8Array.from(der)).toString();
const derOf = (members: readonly Readonly<Record<string, string>>[]): Uint8Array =>
  new Uint8Array(
    new Name(members.map((one) => Object.fromEntries(Object.entries(one).map(([k, v]) => [k, [v]])))).toArrayBuffer(),
  );

// What `derOf` takes for an encoded value.
const isGiven = (text: string): boolean => !text.startsWith('#');

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
  );
  const member = fc.tuple(type, fc.oneof(odd, fc.string({ minLength: 1, maxLength: 12 }).filter(isGiven)));
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 4 }), (members) => {
      const der = derOf(members.map(([name, value]) => ({ [name]: value })));
      expect(textOfName(der)).toBe(general(der));
    }),
  );
});

it('knows a device and its line without the general parser', () => {
  const der = derOf([{ O: 'Contoso Works' }, { OU: 'Line 7' }, { CN: 'press-17' }]);
  expect(textOfName(der)).toBe('O=Contoso Works, OU=Line 7, CN=press-17');
});

it('leaves a name of two attributes at one place to the general parser', () => {
  const der = derOf([{ CN: 'a', O: 'b' }]);
  expect(textOfName(der)).toBe(general(der));
});
