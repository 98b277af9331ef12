// Which colours: as the system says, light or dark.

import { useState } from "preact/hooks"
import { chooseTheme, chosenTheme, type Theme } from "../theme"

const THEMES: [Theme, string, string][] = [
  ["system", "As the system", "M4 5h16v11H4zM9 20h6"],
  ["light", "Light", "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19"],
  ["dark", "Dark", "M20 14.5A8 8 0 019.5 4 8 8 0 1020 14.5z"],
]

export function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme())
  return (
    <div class="segments" role="radiogroup" aria-label="Colours">
      {THEMES.map(([value, label, path]) => (
        <label key={value} title={label}>
          <input
            type="radio"
            name="theme"
            class="hidden"
            value={value}
            checked={theme === value}
            onChange={() => {
              chooseTheme(value)
              setTheme(value)
            }}
          />
          <span>
            <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
              <path d={path} />
            </svg>
            <span class="hidden">{label}</span>
          </span>
        </label>
      ))}
    </div>
  )
}
