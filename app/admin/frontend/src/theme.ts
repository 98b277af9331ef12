// Dark, light, or as the system says; the choice is kept in this browser.

export type Theme = "system" | "light" | "dark"

const KEY = "tidegate-theme"
const systemDark = matchMedia("(prefers-color-scheme: dark)")
const listeners = new Set<() => void>()

export function keptTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY)
    return kept === "light" || kept === "dark" ? kept : "system"
  } catch {
    return "system" // storage is switched off
  }
}

/** Shows the colours of `theme`. */
export function applyTheme(theme: Theme): void {
  const { dataset } = document.documentElement
  dataset.choice = theme
  dataset.theme = theme === "system" ? (systemDark.matches ? "dark" : "light") : theme
  listeners.forEach((listener) => listener())
}

export function chosenTheme(): Theme {
  const { choice } = document.documentElement.dataset
  return choice === "light" || choice === "dark" ? choice : "system"
}

export function chooseTheme(theme: Theme): void {
  applyTheme(theme)
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // not kept, still in force
  }
}

/** Calls `listener` whenever the colours change; returns what ends that. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

systemDark.addEventListener("change", () => applyTheme(chosenTheme()))
