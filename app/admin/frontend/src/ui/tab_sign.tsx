// Keeps the browser's tab in step with the verdict.

import { useEffect, useModel } from "../hooks"
import { iconOf, signOf, titleOf } from "../sign"

const own = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
const ownIcon = own?.href

export function TabSign() {
  const link = useModel((model) => model.link.status)
  const pod = useModel((model) => model.gateway?.identity.pod)
  const known = useModel((model) => model.gateway !== null)
  const { total, rows } = useModel((model) => model.panels.problems)
  const sign = signOf(link, known, rows)
  const title = titleOf(sign, total, rows[0], pod)
  useEffect(() => {
    document.title = title
  }, [title])
  useEffect(() => {
    if (own) own.href = iconOf(sign) ?? ownIcon ?? ""
  }, [sign])
  return null
}
