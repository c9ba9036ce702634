import { ActionIcon, type ActionIconProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

/** Buttons that lead to a place: real links, with typed addresses. */

type Anchor = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "style" | "color"> & {
  ref?: Ref<HTMLAnchorElement>;
};

export const LinkButton = createLink((props: ButtonProps & Anchor) => <Button component="a" {...props} />);
export const LinkIcon = createLink((props: ActionIconProps & Anchor) => (
  <ActionIcon component="a" {...props} />
));
