// Runs before the first paint, so that no other colours flash. `data-theme` is what is shown.
import { applyTheme, keptTheme } from "./theme"

applyTheme(keptTheme())
