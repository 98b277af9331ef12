export { Lines } from "./lines"
export { type MarkedChart, Markers } from "./markers"
export { type Band, Timeline } from "./timeline"
