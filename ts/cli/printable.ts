// Text from elsewhere, made safe for a terminal.

/** Without what could steer it: names come from configurations, certificates and clients, details from authorities. */
export const printable = (text: string): string => text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
