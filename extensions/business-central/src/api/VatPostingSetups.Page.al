page 50130 "BH API Vat Posting Setups"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'vatPostingSetup';
    EntitySetName = 'vatPostingSetups';
    SourceTable = "VAT Posting Setup";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(vatBusPostingGroup; Rec."VAT Bus. Posting Group") { }
                field(vatProdPostingGroup; Rec."VAT Prod. Posting Group") { }
                field(vatPercent; Rec."VAT %") { }
                field(vatIdentifier; Rec."VAT Identifier") { }
                field(blocked; Rec.Blocked) { }
            }
        }
    }
}
