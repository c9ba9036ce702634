import { ActionIcon } from "@mantine/core";
import {
  IconArrowLeft,
  IconArrowRight,
  IconGripVertical,
  IconMaximize,
  IconMinimize,
  IconX,
} from "@tabler/icons-react";
import { type PointerEvent, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";

interface ArrangeTileProps {
  camera: Camera;
  /** Its place, from 0, of `count`. */
  at: number;
  count: number;
  large: boolean;
  /** The only one that is left cannot be taken out. */
  only: boolean;
  move: (to: number) => void;
  /** Dropped on the place of this camera. */
  drop: (onto: string) => void;
  enlarge: () => void;
  takeOut: () => void;
}

const slotAt = (x: number, y: number): HTMLElement | null =>
  document.elementFromPoint(x, y)?.closest<HTMLElement>("[data-slot]") ?? null;

/** Over a tile while the wall is arranged: dragged to another place, or moved by its buttons. */
export function ArrangeTile(props: ArrangeTileProps) {
  const { camera, at, count, large, only } = props;
  const { t } = useTranslation();
  const over = useRef<HTMLElement | null>(null);

  const mark = (slot: HTMLElement | null): void => {
    if (over.current === slot) return;
    over.current?.removeAttribute("data-drop");
    slot?.setAttribute("data-drop", "");
    over.current = slot;
  };
  const begin = (event: PointerEvent<HTMLElement>): void => {
    // A finger scrolls, unless it takes the grip.
    const grip = (event.target as HTMLElement).closest(".hc-arrange-grip") !== null;
    if (event.button !== 0 || (event.pointerType === "touch" && !grip)) return;
    if ((event.target as HTMLElement).closest("button") !== null && !grip) return;
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.setAttribute("data-dragged", "");
  };
  const drag = (event: PointerEvent<HTMLElement>): void => {
    if (event.currentTarget.hasAttribute("data-dragged")) mark(slotAt(event.clientX, event.clientY));
  };
  const end = (event: PointerEvent<HTMLElement>): void => {
    if (!event.currentTarget.hasAttribute("data-dragged")) return;
    event.currentTarget.removeAttribute("data-dragged");
    const onto = over.current?.dataset.slot;
    mark(null);
    if (event.type === "pointerup" && onto !== undefined && onto !== camera.id) props.drop(onto);
  };
  const { name } = camera;
  return (
    <div
      className="hc-arrange-tile"
      onPointerDown={begin}
      onPointerMove={drag}
      onPointerUp={end}
      onPointerCancel={end}
    >
      <span className="hc-arrange-grip" aria-hidden>
        <IconGripVertical size={18} />
      </span>
      <span className="hc-arrange-number">{at + 1}</span>
      <div className="hc-arrange-keys" role="group" aria-label={name}>
        <Key label={t("walls.earlier", { name })} off={at === 0} act={() => props.move(at - 1)}>
          <IconArrowLeft size={16} aria-hidden />
        </Key>
        <Key label={t("walls.later", { name })} off={at === count - 1} act={() => props.move(at + 1)}>
          <IconArrowRight size={16} aria-hidden />
        </Key>
        <Key label={t(large ? "walls.small" : "walls.large", { name })} act={props.enlarge}>
          {large ? <IconMinimize size={16} aria-hidden /> : <IconMaximize size={16} aria-hidden />}
        </Key>
        <Key label={t("walls.takeOut", { name })} off={only} act={props.takeOut}>
          <IconX size={16} aria-hidden />
        </Key>
      </div>
    </div>
  );
}

interface KeyProps {
  label: string;
  off?: boolean;
  act: () => void;
  children: React.ReactNode;
}

function Key({ label, off = false, act, children }: KeyProps) {
  return (
    <ActionIcon variant="default" size="md" disabled={off} onClick={act} aria-label={label} title={label}>
      {children}
    </ActionIcon>
  );
}
