// Under which names the gateway lets a page watch (against DNS rebinding).

/** What may be wrong where nothing ever came: the gateway lets no page of a foreign name watch. "" for names it takes. */
export function foreignName(hostname: string): string {
  const address = hostname.startsWith("[") || /^[\d.]+$/.test(hostname)
  if (address || hostname === "localhost" || hostname.endsWith(".localhost")) return ""
  return `If it runs, let it be watched under this name: set MONITOR_HOSTS=${hostname}. `
}
