/**
 * A modal dialog of the platform, which keeps the focus inside and gives it back at its end.
 */
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react'

export interface DialogProps {
  title: string
  children: ReactNode
  /** The user pressed Escape. Without it the dialog stays. */
  onClose?: () => void
}

export function Dialog({ title, children, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useLayoutEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => shown?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={event => {
        event.preventDefault()
        onClose?.()
      }}
      onClose={() => dialog.current?.showModal()}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}
