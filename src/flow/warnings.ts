/** What a person should know and what stops nothing. A command says it on stderr; the library says nothing. */
export const warnings: { tell: (text: string) => unknown } = { tell: () => undefined };
