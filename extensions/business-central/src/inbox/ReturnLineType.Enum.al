enum 50101 "BH Return Line Type"
{
    Extensible = false;

    value(0; Item) { }
    value(1; Account) { }
    value(2; Comment) { }
}
