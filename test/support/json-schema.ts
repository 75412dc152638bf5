/** A JSON Schema, as far as ours goes. A keyword that `check` does not know is an error, not a pass. */
export type JsonSchema = Record<string, unknown>;

type Rule = (value: unknown, wanted: never, schema: JsonSchema) => boolean;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES: Record<string, (value: unknown) => boolean> = {
  object: isObject,
  array: (value) => Array.isArray(value),
  string: (value) => typeof value === 'string',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
};

const RULES: Record<string, Rule> = {
  $schema: () => true,
  title: () => true,
  type: (value, wanted: string) => TYPES[wanted]!(value),
  const: (value, wanted) => value === wanted,
  enum: (value, wanted: unknown[]) => wanted.includes(value),
  anyOf: (value, wanted: JsonSchema[]) => wanted.some((schema) => accepts(schema, value)),
  oneOf: (value, wanted: JsonSchema[]) => wanted.filter((schema) => accepts(schema, value)).length === 1,
  pattern: (value, wanted: string) => new RegExp(wanted, 'u').test(value as string),
  minimum: (value, wanted: number) => (value as number) >= wanted,
  maximum: (value, wanted: number) => (value as number) <= wanted,
  maxLength: (value, wanted: number) => [...(value as string)].length <= wanted,
  minItems: (value, wanted: number) => (value as unknown[]).length >= wanted,
  maxItems: (value, wanted: number) => (value as unknown[]).length <= wanted,
  items: (value, wanted: JsonSchema) => (value as unknown[]).every((item) => accepts(wanted, item)),
  required: (value, wanted: string[]) => wanted.every((key) => Object.hasOwn(value as object, key)),
  properties: (value, wanted: Record<string, JsonSchema>) =>
    Object.entries(wanted).every(
      ([key, schema]) =>
        !Object.hasOwn(value as object, key) || accepts(schema, (value as Record<string, unknown>)[key]),
    ),
  propertyNames: (value, wanted: JsonSchema) =>
    Object.keys(value as object).every((key) => accepts(wanted, key)),
  additionalProperties: (value, wanted: boolean | JsonSchema, { properties = {} }) => {
    const others = Object.entries(value as object).filter(
      ([key]) => !Object.hasOwn(properties as object, key),
    );
    return typeof wanted === 'boolean'
      ? wanted || others.length === 0
      : others.every(([, v]) => accepts(wanted, v));
  },
};

/** True where the value is valid. The type is looked at first: the other rules rely on it. */
export function accepts(schema: JsonSchema, value: unknown): boolean {
  const keywords = Object.keys(schema).toSorted((a, b) => Number(b === 'type') - Number(a === 'type'));
  return keywords.every((keyword) => {
    const rule = RULES[keyword];
    if (rule === undefined) throw new Error(`the JSON Schema uses '${keyword}', which the tests don't know`);
    return rule(value, schema[keyword] as never, schema);
  });
}
