"""How access units and messages travel from the stage that has them to the stages that want them."""
